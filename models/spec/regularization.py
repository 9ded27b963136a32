"""`regularization`: what keeps weights and gradients small. Dropout is a field of the network."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from models.spec.base import NotNegative, Positive, Probability, Section


class GradientClip(Section):
    """A bound on the gradient: on its norm over all weights, or on each of its entries."""

    norm: Positive | None = Field(None, description="Longest gradient, over all weights together.")
    value: Positive | None = Field(None, description="Largest entry of the gradient.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.norm is None) == (self.value is None):
            raise ValueError("give either norm or value")
        return self


class Regularization(Section):
    """Penalties that are terms of the loss, and gradient clipping."""

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
