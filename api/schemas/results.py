"""What a job leaves behind: metrics and checkpoints."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.common import Id, Number, Shape


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
