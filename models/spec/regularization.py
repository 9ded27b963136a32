"""`regularization`: what keeps weights and gradients small. Dropout is a field of the network."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from models.spec.base import NotNegative, Positive, Probability, Section
from models.spec.units import PositiveProgress


class GradientClip(Section):
    """A bound on the gradient: on its norm over all weights, or on each of its entries."""

    norm: Positive | None = Field(None, description="Longest gradient, over all weights together.")
    value: Positive | None = Field(None, description="Largest entry of the gradient.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.norm is None) == (self.value is None):
            raise ValueError("give either norm or value")
        return self


class Ema(Section):
    """An exponential moving average of the weights, which is validated and returned in their place."""

    half_life: PositiveProgress | None = Field(
        None, description='Distance after which a step counts half in the average, such as "3%" of the run.'
    )
    decay: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Share of the average that is kept in a step, in place of `half_life`."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.half_life is None) == (self.decay is None):
            raise ValueError("give either half_life or decay")
        return self


class Regularization(Section):
    """Penalties that are terms of the loss, gradient clipping, stochastic depth and the average of the weights."""

    OFF: ClassVar = {"gradient_clip": None}
    l1: NotNegative = Field(0.0, description="Factor of the sum of absolute weights in the loss (matrices only).")
    l2: NotNegative = Field(0.0, description="Factor of half the sum of squared weights in the loss (matrices only).")
    stochastic_depth: Probability = Field(
        0.0,
        description="Chance that a row leaves out the last residual block while training; for earlier blocks it is "
        "smaller in proportion (Huang et al. 2016).",
    )
    gradient_clip: GradientClip | None = Field(
        GradientClip(norm=1.0), description="Bound on the gradient; null for none."
    )
    ema: Ema | None = Field(
        None, description="Average of the weights that is validated and returned in their place; null for none."
    )
