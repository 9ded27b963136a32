"""Jobs and what happens to them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.schemas.common import Id, Reason, Shape
from models.spec.job import LabelKey, LabelValue, Name
from models.status import Status

_REFERENCE = re.compile(r"best|latest|final|[0-9]{1,12}|ckpt_[0-9a-f-]{36}")


def _reference(value: str | int | None) -> str | int | None:
    if value is not None and not _REFERENCE.fullmatch(str(value)):
        raise ValueError("must be best, latest, final, a step or the id of a checkpoint")
    return value


class Progress(BaseModel):
    """How far a job has come."""

    model_config = ConfigDict(extra="allow")

    fraction: float
    epoch: int | None
    epochs: int | None
    step: int | None
    steps: int | None
    eta_seconds: float | None


class Queue(BaseModel):
    """Why a job still waits."""

    model_config = ConfigDict(extra="allow")

    ahead: int = Field(description="Jobs of the pool that go first.")
    position: int = Field(description="Its place in the queue of the pool, from 1.")
    reason: str = Field(
        description="`no_worker` and `no_device`: no live worker can run it. `quota` and `paused_queue`: its project "
        "may not begin one now. `backoff`: its next attempt is not due yet. `busy`: others have their turn. "
        "`starting`: a slot is free. More may come.",
        examples=["busy", "no_worker", "no_device"],
    )
    detail: str = Field(description="The reason as a sentence.")
    eta_seconds: float | None = Field(
        None, description="In about so many seconds it begins, from measured times; null where nobody knows."
    )


class Attempt(Shape):
    """One go at a job, by one worker."""

    number: int
    worker: str
    device: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    resumed_from_step: int | None
    reason: Reason | None = None


class Transition(Shape):
    """When a job took on a status."""

    status: Status
    at: datetime


class JobSummary(BaseModel):
    """A job as lists show it."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str | None
    labels: dict[str, str]
    project: str
    pool: str
    priority: int
    status: Status
    phase: str
    reason: Reason | None
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress
    spec: dict[str, Any] = Field(description="What was sent.")
    parent: Id | None = Field(description="The job that this one was forked from or reproduces.")
    origin: Literal["fork", "reproduction"] | None
    trace_id: str | None = Field(None, description="The W3C trace of the request that made it, on every log line.")
    resolved_spec: dict[str, Any] = Field(description="The same with every default and every `auto` made explicit.")
    result: dict[str, Any] | None
    warnings: list[dict[str, Any]]


class Job(JobSummary):
    """A training job."""

    queue: Queue | None
    attempts: list[Attempt]
    history: list[Transition]
    reproduction: Reproduction | None = Field(
        None, description="Of a job that runs another one again, when it is read."
    )
    etag: str


class ForkRequest(Shape):
    """What is different about the new job."""

    patch: dict[str, Any] = Field(
        {},
        description="A JSON merge patch (RFC 7396) of the spec as it was sent; null brings a field's default back.",
    )
    from_checkpoint: Annotated[str | int | None, AfterValidator(_reference)] = Field(
        None,
        description="`best`, `latest`, `final`, a step or an id: begin with these weights; null: with random ones.",
    )


class Reproduction(Shape):
    """How a job that runs another one again came out."""

    of: Id
    weights_equal: bool | None = Field(
        description="Whether the final weights are equal to the bit; null until both are known."
    )
    metrics_equal: bool | None = Field(description="Whether every test metric is the same number.")


class Difference(Shape):
    """One place of the resolved specs where the jobs are not the same."""

    pointer: str = Field(examples=["#/optimizer/learning_rate"])
    values: list[Any] = Field(description="One per job, in the order asked for; null where a job has nothing there.")


class ComparedJob(BaseModel):
    """One side of a comparison."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str | None
    status: Status
    parent: Id | None
    dataset: dict[str, Any] = Field(description="The name or id that the spec has, and the SHA-256 of an upload.")
    test: dict[str, Any] | None
    best: dict[str, Any] | None
    weights_sha256: str | None


class LossParting(Shape):
    """Where the training losses of two jobs are no longer the same number."""

    jobs: list[Id] = Field(min_length=2, max_length=2)
    first_step: int | None = Field(description="Null where they are equal as far as both go.")
    values: list[Any] | None
    compared_steps: int


class Comparison(Shape):
    """What is different between jobs, and no more."""

    jobs: list[ComparedJob]
    differences: list[Difference]
    losses: list[LossParting] = Field(description="Each job against the first one.")
    weights_equal: bool | None = Field(description="Whether all final weights are equal to the bit; null until known.")


class JobPage(Shape):
    """Jobs, newest first."""

    data: list[JobSummary]
    next_cursor: str | None


class Shapes(Shape):
    """What goes into the network and comes out, the batch first. Null where no call was seen."""

    inputs: Any
    outputs: Any


class PeakMemory(Shape):
    """The most memory that the process had, shared pages included, and what PyTorch reserved on a GPU."""

    host: int
    device: int | None


class DryRun(BaseModel):
    """What a spec would become. Nothing is stored. All but `resolved_spec` and `data_report` are of `dry_run=step`."""

    model_config = ConfigDict(extra="allow")

    resolved_spec: dict[str, Any]
    data_report: dict[str, Any] | None = Field(
        None, description="Of `data`: the dataset's profile. Of `step`: what preparing the rows has found and done."
    )
    parameters: int | None = Field(None, description="Weights that are trained.")
    steps: int | None = Field(None, description="Optimizer steps of the whole job, if nothing ends it early.")
    steps_per_epoch: int | None = None
    batch_size: int | None = None
    rows: dict[str, int] | None = None
    device: str | None = None
    shapes: Shapes | None = None
    preparing_seconds: float | None = None
    seconds_per_step: float | None = Field(None, description="Of the steps behind the first one.")
    eta_seconds: float | None = Field(None, description="For the whole job: preparation, every step, validation.")
    peak_memory_bytes: PeakMemory | None = None
    checkpoint_bytes: int | None = None
    warnings: list[dict[str, Any]] | None = None


class JobChanges(Shape):
    """What may be changed about a job; a field that is left out stays."""

    name: Name | None = Field(None, description="For people; null takes it away.")
    labels: dict[LabelKey, LabelValue | None] = Field(
        {}, max_length=64, description="Merged into the labels; null removes one."
    )
    priority: int = Field(0, ge=-1000, le=1000, description="Jobs of a greater one go first.")


class RetryRequest(Shape):
    """How a job is tried again."""

    from_scratch: bool = Field(default=False, description="Forget the checkpoints so far.")


class Event(Shape):
    """Something that happened to a job."""

    seq: int
    id: Id
    type: str = Field(examples=["job.running"])
    at: datetime
    data: dict[str, Any]


class EventPage(Shape):
    """Events, oldest first."""

    data: list[Event]
    next_after: int = Field(description="The `after` of the next page; the same again while nothing has happened.")
