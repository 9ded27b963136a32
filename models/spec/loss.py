"""`loss`: what training makes small."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.base import Named, Positive, Section


class AutoLoss(Section):
    """Cross-entropy for classes, mean squared error for numbers."""

    type: Literal["auto"] = "auto"


class CrossEntropy(Section):
    """Negative log-likelihood of the true class under a softmax."""

    type: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the target spread over all classes."
    )
    class_weight: Literal["none", "balanced"] | dict[str, Positive] = Field(
        "none",
        description="Weight of each class by name, or `balanced`: the inverse of its frequency in training.",
    )


class Mse(Section):
    """Mean squared error."""

    type: Literal["mse"] = "mse"


class Mae(Section):
    """Mean absolute error: less moved by extreme targets."""

    type: Literal["mae"] = "mae"


class Huber(Section):
    """Squared up to `delta` (in standard deviations of the target), absolute beyond (Huber 1964)."""

    type: Literal["huber"] = "huber"
    delta: Positive = Field(1.0, description="Where the square turns into a line.")


Loss = Annotated[AutoLoss | CrossEntropy | Mse | Mae | Huber, Field(discriminator="type"), Named]
