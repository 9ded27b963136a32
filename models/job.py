"""A job as it is read: its row, its attempts and its history, and the document that the API shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Row

from models import tracing
from models.clock import rfc3339
from models.json_text import decode
from models.status import Status

#: The progress of a job that has not begun.
NOTHING_YET: Final = {"fraction": 0.0, "epoch": None, "epochs": None, "step": None, "steps": None, "eta_seconds": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a job."""

    number: int
    worker: str
    device: str
    started_at: float
    ended_at: float | None
    outcome: str | None
    reason: Mapping[str, Any] | None
    resumed_from_step: int | None

    def document(self) -> dict[str, Any]:
        """The attempt as the API shows it."""
        return {
            "number": self.number,
            "worker": self.worker,
            "device": self.device,
            "started_at": rfc3339(self.started_at),
            "ended_at": rfc3339(self.ended_at),
            "outcome": self.outcome,
            "reason": self.reason,
            "resumed_from_step": self.resumed_from_step,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Why a queued job waits. `ahead` is counted up to `models.queue.LONGEST_COUNT`."""

    ahead: int
    reason: str
    detail: str
    eta_seconds: float | None = None

    def document(self) -> dict[str, Any]:
        """The queue entry as the API shows it."""
        return {
            "ahead": self.ahead,
            "position": self.ahead + 1,
            "reason": self.reason,
            "detail": self.detail,
            "eta_seconds": self.eta_seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """Where a job comes from: its parent, how it came from it, and the checkpoint whose weights it begins with."""

    parent_id: str | None = None
    origin: Literal["fork", "reproduction"] | None = None
    init_checkpoint_id: str | None = None


NO_DESCENT: Final = Descent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job at one revision. Documents in it are JSON-ready."""

    id: str
    project: str
    name: str | None
    status: Status
    phase: str
    reason: Mapping[str, Any] | None
    pool: str
    priority: int
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    resolved_spec: Mapping[str, Any]
    result: Mapping[str, Any] | None
    warnings: Sequence[Mapping[str, Any]]
    progress: Mapping[str, Any]
    descent: Descent
    trace_id: str | None
    created_at: float
    queued_at: float
    started_at: float | None
    finished_at: float | None
    revision: int
    attempts: Sequence[Attempt] = field(default=())
    history: Sequence[tuple[str, float]] = field(default=())
    queue: Queue | None = None

    def document(self) -> dict[str, Any]:
        """The job as the API shows it, without its ETag."""
        return {
            "id": self.id,
            "name": self.name,
            "labels": self.labels,
            "project": self.project,
            "status": self.status,
            "phase": self.phase,
            "reason": self.reason,
            "priority": self.priority,
            "pool": self.pool,
            "created_at": rfc3339(self.created_at),
            "queued_at": rfc3339(self.queued_at),
            "started_at": rfc3339(self.started_at),
            "finished_at": rfc3339(self.finished_at),
            "progress": self.progress,
            "queue": None if self.queue is None else self.queue.document(),
            "attempts": [attempt.document() for attempt in self.attempts],
            "history": [{"status": status, "at": rfc3339(at)} for status, at in self.history],
            "parent": self.descent.parent_id,
            "origin": self.descent.origin,
            "trace_id": self.trace_id,
            "spec": self.spec,
            "resolved_spec": self.resolved_spec,
            "result": self.result,
            "warnings": self.warnings,
        }


def from_row(
    row: Row[Any],
    *,
    live_progress: str | None = None,
    attempts: Sequence[Attempt] = (),
    history: Sequence[tuple[str, float]] = (),
    queue: Queue | None = None,
    read: Callable[[str | None], Any] = decode,
) -> Job:
    """The job in a row of `jobs`; `live_progress` is the progress in its lease, if it has one. Documents are as `read`
    makes them of their text.
    """
    status, trace = Status(row.status), tracing.parse(row.traceparent)
    progress = {**NOTHING_YET, **(decode(live_progress) or decode(row.progress) or {})}
    if status is Status.SUCCEEDED:
        progress |= {"fraction": 1.0, "eta_seconds": 0.0}
    return Job(
        id=row.id,
        project=row.project,
        name=row.name,
        status=status,
        phase=row.phase,
        reason=read(row.reason),
        pool=row.pool,
        priority=row.priority,
        labels=read(row.labels),
        spec=read(row.spec),
        resolved_spec=read(row.resolved_spec),
        result=read(row.result),
        warnings=read(row.warnings),
        progress=progress,
        descent=Descent(parent_id=row.parent_id, origin=row.origin, init_checkpoint_id=row.init_checkpoint_id),
        trace_id=None if trace is None else trace.trace_id,
        created_at=row.created_at,
        queued_at=row.queued_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        revision=row.revision,
        attempts=attempts,
        history=history,
        queue=queue,
    )
