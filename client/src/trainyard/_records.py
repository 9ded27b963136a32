"""The shapes of what the service answers, as frozen dataclasses.

Every field has a default, because a service may be older than this client; what the service sent beyond these fields is
under `extra`, and the whole JSON object under `raw`. Statuses, phases, codes and event types are open lists of words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ._documents import Document

STATUSES: Final = (
    "queued",
    "running",
    "pausing",
    "paused",
    "cancelling",
    "succeeded",
    "failed",
    "cancelled",
)
TERMINAL_STATUSES: Final = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class Reason(Document):
    """Why a job failed, or why a dataset is invalid."""

    code: str = "unknown"
    message: str = ""
    param: str | None = None


@dataclass(frozen=True, kw_only=True)
class Progress(Document):
    """How far a job is. `fraction` goes from 0 to 1."""

    fraction: float | None = None
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    eta_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Queue(Document):
    """Why a queued job waits, and for how long perhaps."""

    ahead: int | None = None
    position: int | None = None
    reason: str | None = None
    detail: str | None = None
    eta_seconds: float | None = None

    @property
    def is_hopeless(self) -> bool:
        """Whether no worker that lives now can run the job."""
        return self.reason in {"no_worker", "no_device"}


@dataclass(frozen=True, kw_only=True)
class Attempt(Document):
    """One run of a job on one worker."""

    number: int = 0
    worker: str | None = None
    device: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    resumed_from_step: int | None = None


@dataclass(frozen=True, kw_only=True)
class Transition(Document):
    """A status, and when the job came into it."""

    status: str = ""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Best(Document):
    """The best value of the watched metric, and the step it was measured at."""

    metric: str = ""
    value: float | None = None
    step: int | None = None


@dataclass(frozen=True, kw_only=True)
class Baseline(Document):
    """A simple method, scored on the same split."""

    name: str = ""
    test: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Result(Document):
    """What a job came to."""

    best: Best | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    test_intervals: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    baselines: tuple[Baseline, ...] = ()
    beats_baselines: bool | None = None
    standing: str | None = None
    verdict: str | None = None
    parameters: int | None = None
    samples_per_second: float | None = None
    phase_seconds: Mapping[str, float] = field(default_factory=dict)
    data_report: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reproduction(Document):
    """How a job that runs another one again came out; None until both are over."""

    of: str = ""
    weights_equal: bool | None = None
    metrics_equal: bool | None = None


@dataclass(frozen=True, kw_only=True)
class JobRecord(Document):
    """A job as it stood when it was read."""

    id: str = ""
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    project: str | None = None
    status: str = ""
    phase: str | None = None
    reason: Reason | None = None
    created_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: Progress = field(default_factory=Progress)
    queue: Queue | None = None
    attempts: tuple[Attempt, ...] = ()
    history: tuple[Transition, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    resolved_spec: Mapping[str, Any] | None = None
    result: Result | None = None
    warnings: tuple[Any, ...] = ()
    parent: str | None = None
    origin: str | None = None
    reproduction: Reproduction | None = None
    etag: str | None = None


@dataclass(frozen=True, kw_only=True)
class Event(Document):
    """One entry of a job's event log; `seq` rises by one within the job."""

    seq: int = 0
    id: str = ""
    type: str = ""
    at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StepValue(Document):
    """A value of a metric, and its step."""

    step: int = 0
    value: float | None = None


@dataclass(frozen=True, kw_only=True)
class MetricSummary(Document):
    """One metric of a job in a few numbers; `best` is the least loss, the highest accuracy."""

    name: str = ""
    points: int = 0
    last: StepValue | None = None
    min: float | None = None
    max: float | None = None
    best: StepValue | None = None


@dataclass(frozen=True, kw_only=True)
class Series(Document):
    """One metric in buckets: columns of equal length, `value` the mean of the bucket, `count` its points."""

    name: str = ""
    step: tuple[int, ...] = ()
    time: tuple[datetime, ...] = ()
    value: tuple[float, ...] = ()
    min: tuple[float, ...] = ()
    max: tuple[float, ...] = ()
    count: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckpointFile(Document):
    """A file of a checkpoint, with its size and SHA-256."""

    name: str = ""
    bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckpointRecord(Document):
    """A checkpoint as the service lists it."""

    id: str = ""
    step: int = 0
    epoch: int | None = None
    kinds: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    created_at: datetime | None = None
    bytes: int = 0
    files: tuple[CheckpointFile, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DatasetRecord(Document):
    """A dataset: awaiting_content, profiling, ready or invalid."""

    id: str = ""
    name: str | None = None
    format: str | None = None
    status: str = ""
    bytes: int | None = None
    sha256: str | None = None
    received_bytes: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] | None = None
    reason: Reason | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Key(Document):
    """An API key. `key`, the secret itself, is there in the answer to its creation or rotation and never again."""

    id: str = ""
    name: str | None = None
    project: str | None = None
    scopes: tuple[str, ...] = ()
    key: str | None = field(default=None, repr=False)
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    rotated_at: datetime | None = None
    previous_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Worker(Document):
    """A live worker."""

    id: str = ""
    name: str | None = None
    pool: str | None = None
    status: str | None = None
    slots: int | None = None
    devices: tuple[Any, ...] = ()
    jobs: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Version(Document):
    """Which service answers."""

    version: str = ""
