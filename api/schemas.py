"""The shapes that the service answers with. They document; the tests hold every answer against them.

Requests are checked by the domain itself (a job spec is `models.spec.JobSpec`). Stored documents are passed through
as they are, so these models validate nothing at run time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from models.keys import SCOPES
from models.profile import Profile
from models.spec.job import LabelKey, LabelValue, Name
from models.status import Status

#: A finite number, or the name of one that JSON has no word for.
Number = float | Literal["NaN", "Infinity", "-Infinity"]
Id = Annotated[str, Field(description="A prefix that says what it is, and a UUIDv7.")]


def _in_the_future(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise ValueError("lies in the past")
    return moment


Later = Annotated[AwareDatetime, AfterValidator(_in_the_future)]


class Shape(BaseModel):
    """A documented answer: every field is always there."""

    model_config = ConfigDict(extra="forbid")


class FieldMistake(Shape):
    """One mistake, and where it is."""

    pointer: str = Field(
        description="A JSON pointer into the body, such as `#/optimizer/learning_rate`, or a parameter: `?limit`."
    )
    detail: str = Field(description="What is wrong, and what would be right.")


class Problem(BaseModel):
    """An error (RFC 9457). Some carry more members than these."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`about:blank`: `code` tells the kinds apart.")
    title: str
    status: int
    code: str = Field(description="Stable, for programs.", examples=["invalid_spec"])
    detail: str = Field(description="This case, for people.")
    instance: str
    request_id: str
    errors: list[FieldMistake] = Field(default=[], description="One entry per mistake.")


class Reason(BaseModel):
    """Why something did not succeed."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(examples=["invalid_data", "worker_lost"])
    message: str
    param: str | None = Field(None, description="The spec field or the place in the data that it is about.")


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
    reason: str = Field(examples=["busy", "no_worker"])
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


class Point(Shape):
    """A value at a step."""

    step: int
    value: Number


class MetricName(BaseModel):
    """A metric of a job, summed up."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(examples=["train/loss"])
    points: int
    last: Point
    min: Number
    max: Number
    best: Point | None


class MetricNames(Shape):
    """Every metric that a job has points of."""

    data: list[MetricName]


class Series(Shape):
    """A metric in columns of equal length. `value` is the mean of a bucket; its `min` and `max` hide no spike."""

    name: str
    step: list[int]
    time: list[datetime]
    value: list[Number]
    min: list[Number]
    max: list[Number]
    count: list[int]


class File(Shape):
    """A file of a checkpoint."""

    name: str
    bytes: int
    sha256: str


class Checkpoint(BaseModel):
    """A state that training can go on from."""

    model_config = ConfigDict(extra="allow")

    id: Id
    step: int
    epoch: int
    kinds: list[str] = Field(description="`best`, `latest`, `final`.")
    metrics: dict[str, Number]
    created_at: datetime
    bytes: int
    files: list[File]


class CheckpointList(Shape):
    """The checkpoints that are kept, newest first."""

    data: list[Checkpoint]


class DatasetDeclaration(Shape):
    """What is about to be uploaded."""

    name: Annotated[Name, Field(min_length=1, examples=["adult"])]
    format: str = Field(examples=["csv"])
    bytes: int = Field(gt=0, description="Size of the whole content.")
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="Checked on arrival when given.")
    options: dict[str, Any] = Field({}, description="What the format needs to know; `/v1/catalogue` lists it.")


class Dataset(BaseModel):
    """Data to train on."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str
    format: str
    options: dict[str, Any]
    status: str = Field(description="`awaiting_content`, `profiling`, `ready` or `invalid`.")
    reason: Reason | None
    bytes: int
    received_bytes: int
    sha256: str | None
    profile: Profile | None
    created_at: datetime


class DatasetPage(Shape):
    """Datasets, newest first."""

    data: list[Dataset]
    next_cursor: str | None


class KeyRequest(Shape):
    """A key to be made."""

    name: Annotated[Name, Field(min_length=1)]
    scopes: list[Literal[SCOPES]] = Field(min_length=1, examples=[["jobs:read", "jobs:write"]])  # type: ignore[valid-type]
    project: str | None = Field(
        None, pattern="^[a-z0-9][a-z0-9_-]{0,62}$", description="Default: the project of the key that asks."
    )
    expires_at: Later | None = Field(None, description="Default: never.")


class Key(BaseModel):
    """An API key without its secret."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str
    project: str
    scopes: list[str]
    created_at: datetime


class NewKey(Key):
    """A key, with its secret for the only time."""

    key: str = Field(description="`ty_<id>_<secret>`. It is not stored and cannot be shown again.")


class KeyPage(Shape):
    """Keys, newest first."""

    data: list[Key]
    next_cursor: str | None


class Worker(BaseModel):
    """A worker that has been heard of lately."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str
    pool: str


class WorkerList(Shape):
    """Every live worker."""

    data: list[Worker]


class CatalogueField(Shape):
    """A field that an entry has."""

    name: str
    description: str
    default: Any
    required: bool


class CatalogueEntry(Shape):
    """Something that a spec may name by its `type`."""

    type: str
    description: str
    fields: list[CatalogueField]


class CatalogueSample(Shape):
    """A dataset that ships with the service."""

    name: str
    description: str
    kind: str
    rows: int
    task: str
    target: str | None
    licence: str
    source_url: str


class Catalogue(BaseModel):
    """What a spec may name. More kinds of entries may come beside these."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, list[CatalogueEntry]]

    networks: list[CatalogueEntry]
    losses: list[CatalogueEntry]
    optimizers: list[CatalogueEntry]
    schedules: list[CatalogueEntry]
    formats: list[CatalogueEntry]
    samples: list[CatalogueSample]


class Health(Shape):
    """The process is alive."""

    status: Literal["ok"]


class Readiness(Shape):
    """Whether requests can be served now."""

    status: Literal["ready", "unready"]
    checks: dict[str, str] = Field(examples=[{"database": "ok", "migrations": "ok", "broker": "ok"}])


class Version(Shape):
    """Which service this is."""

    name: str
    version: str
    api: str


class RetryRequest(Shape):
    """How a job is tried again."""

    from_scratch: bool = Field(default=False, description="Forget the checkpoints so far.")
