"""What a job leaves behind: metrics and checkpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

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


class Suggestion(Shape):
    """What may help: a sentence, and a merge patch of the spec; null where no change of the spec is known to help."""

    message: str
    patch: dict[str, Any] | None = Field(examples=[{"network": {"type": "mlp", "norm": "layer", "skip": True}}])


class Finding(Shape):
    """What a rule of the diagnosis has found."""

    rule: str = Field(examples=["vanishing_gradient"])
    severity: Literal["info", "warning", "critical"]
    first_step: int
    at: datetime
    message: str
    evidence: dict[str, Any] = Field(description="The figures behind it; which ones depends on the rule.")
    suggestion: Suggestion


class FindingList(Shape):
    """What was found in a job, by the step of the first time."""

    data: list[Finding]
