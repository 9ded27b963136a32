"""`schedule`: the learning rate as a function of the step.

Each but `one_cycle`, which has a rise of its own, starts with a linear warm-up of length `warmup`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from models.spec.base import Items, Named, NotNegative, Positive, Section, usually
from models.spec.early_stopping import Monitor
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


class CosineRestarts(Schedule):
    """Half a cosine wave again and again, each `multiplier` times as long as the last (Loshchilov and Hutter 2017)."""

    type: Literal["cosine_restarts"] = "cosine_restarts"
    period: PositiveProgress = Field("20%", description="Length of the first wave.")
    multiplier: Annotated[int, Field(ge=1, le=100)] = Field(1, description="Factor on the length of each next wave.")
    final: FinalFactor = Field(0.0, description="Factor on the rate at the end of a wave.")


class OneCycle(Section):
    """Up to the full rate and down again, each along half a cosine wave (Smith and Topin 2018)."""

    type: Literal["one_cycle"] = "one_cycle"
    rise: Progress = Field("30%", description="Steps over which the rate rises.")
    start: FinalFactor = Field(0.04, description="Factor on the rate at the first step.")
    final: FinalFactor = Field(4e-6, description="Factor on the rate at the last step.")


class Wsd(Schedule):
    """Warm-up, stable, decay: the full rate until the last part of the run (Hu et al. 2024)."""

    type: Literal["wsd"] = "wsd"
    warmup: Progress = Field("5%", description="Steps over which the rate rises linearly from near 0.")
    decay: PositiveProgress = Field("20%", description="Length of the fall at the end.")
    shape: Literal["sqrt", "linear", "cosine"] = Field(
        "sqrt", description="How the rate falls: 1 less the root of the share that is done, a line, or half a wave."
    )
    final: FinalFactor = Field(0.0, description="Factor on the rate at the last step.")


class InverseSqrt(Schedule):
    """One over the root of the step, from the end of the warm-up on (Vaswani et al. 2017)."""

    type: Literal["inverse_sqrt"] = "inverse_sqrt"
    warmup: Progress = Field("5%", description="Steps over which the rate rises linearly from near 0.")


class Plateau(Schedule):
    """The rate is multiplied by `factor` when the monitored metric has stopped improving."""

    type: Literal["plateau"] = "plateau"
    monitor: Monitor = Field("validation/loss", description="Metric to watch.")
    factor: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="Factor at each drop.")
    patience: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        5, description="Epochs without improvement that are borne; the next one lowers the rate."
    )
    min_delta: NotNegative = Field(0.0, description="Smallest change that counts as improvement.")
    cooldown: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        0, description="Epochs after a drop during which none is counted as bad."
    )
    minimum: FinalFactor = Field(0.0, description="Smallest factor on the rate.")


def _null_is_constant(value: Any) -> Any:
    return {"type": "constant"} if value is None else value


AnySchedule = Annotated[
    Constant
    | Step
    | MultiStep
    | Exponential
    | Cosine
    | CosineRestarts
    | Linear
    | Polynomial
    | OneCycle
    | Wsd
    | InverseSqrt
    | Plateau,
    Field(discriminator="type"),
    usually("cosine"),
    Named,
    BeforeValidator(_null_is_constant),
]
