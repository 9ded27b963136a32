"""Jobs and what happens to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.common import Id, Reason, Shape
from models.spec.job import LabelKey, LabelValue, Name
from models.status import Status


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
    reason: str = Field(examples=["busy", "no_worker", "no_device"])
    eta_seconds: float | None = None


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
    resolved_spec: dict[str, Any] = Field(description="The same with every default and every `auto` made explicit.")
    result: dict[str, Any] | None
    warnings: list[dict[str, Any]]


class Job(JobSummary):
    """A training job."""

    queue: Queue | None
    attempts: list[Attempt]
    history: list[Transition]
    etag: str


class JobPage(Shape):
    """Jobs, newest first."""

    data: list[JobSummary]
    next_cursor: str | None


class DryRun(BaseModel):
    """What a spec would become. Nothing is stored."""

    model_config = ConfigDict(extra="allow")

    resolved_spec: dict[str, Any]


class JobChanges(Shape):
    """What may be changed about a job; a field that is left out stays."""

    name: Name | None = None
    labels: dict[LabelKey, LabelValue | None] = Field(
        {}, max_length=64, description="Merged into the labels; null removes one."
    )
    priority: int = Field(0, ge=-1000, le=1000)


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
