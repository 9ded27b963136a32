"""`schedule`: the learning rate as a function of the step. Each starts with a linear warm-up of length `warmup`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from models.spec.base import Items, Named, Positive, Section, usually
from models.spec.units import PositiveProgress, Progress

Factor = Annotated[float, Field(gt=0, le=1)]
FinalFactor = Annotated[float, Field(ge=0, le=1)]


class Schedule(Section):
    """What every schedule has."""

    warmup: Progress = Field("0%", description="Steps over which the rate rises linearly from near 0.")


class Constant(Schedule):
    """The rate stays as it is."""

    type: Literal["constant"] = "constant"


class Step(Schedule):
    """The rate is multiplied by `gamma` after every `every`."""

    type: Literal["step"] = "step"
    every: PositiveProgress = Field("30%", description="Distance between two drops.")
    gamma: Factor = Field(0.1, description="Factor at each drop.")


class MultiStep(Schedule):
    """The rate is multiplied by `gamma` at each milestone."""

    type: Literal["multistep"] = "multistep"
    milestones: Items[PositiveProgress] = Field(("50%", "75%"), description="Where the drops are.")
    gamma: Factor = Field(0.1, description="Factor at each drop.")


class Exponential(Schedule):
    """The rate is multiplied by `gamma` once per `every`, smoothly."""

    type: Literal["exponential"] = "exponential"
    gamma: Factor = Field(0.95, description="Factor per `every`.")
    every: PositiveProgress = Field("1 epoch", description="Distance over which the factor applies once.")


class Cosine(Schedule):
    """Half a cosine wave from the full rate down to `final` of it (Loshchilov and Hutter 2017)."""

    type: Literal["cosine"] = "cosine"
    warmup: Progress = Field("5%", description="Steps over which the rate rises linearly from near 0.")
    final: FinalFactor = Field(0.01, description="Factor on the rate at the last step.")


class Linear(Schedule):
    """A straight line from the full rate down to `final` of it."""

    type: Literal["linear"] = "linear"
    warmup: Progress = Field("5%", description="Steps over which the rate rises linearly from near 0.")
    final: FinalFactor = Field(0.0, description="Factor on the rate at the last step.")


class Polynomial(Schedule):
    """The remaining share of the run to the power of `power`, down to `final` of the rate."""

    type: Literal["polynomial"] = "polynomial"
    warmup: Progress = Field("5%", description="Steps over which the rate rises linearly from near 0.")
    power: Positive = Field(2.0, description="The exponent.")
    final: FinalFactor = Field(0.0, description="Factor on the rate at the last step.")


def _null_is_constant(value: Any) -> Any:
    return {"type": "constant"} if value is None else value


AnySchedule = Annotated[
    Constant | Step | MultiStep | Exponential | Cosine | Linear | Polynomial,
    Field(discriminator="type"),
    usually("cosine"),
    Named,
    BeforeValidator(_null_is_constant),
]
