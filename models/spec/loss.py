"""`loss`: what training makes small."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from models.spec.base import Items, Named, NotNegative, Positive, Section

Smoothing = Annotated[float, Field(ge=0, lt=1)]


class AutoLoss(Section):
    """Cross-entropy for classes, mean squared error for numbers."""

    type: Literal["auto"] = "auto"


class Classes(Section):
    """What every loss of classes has."""

    class_weight: Literal["none", "balanced"] | dict[str, Positive] = Field(
        "none",
        description="Weight of each class by name, or `balanced`: the inverse of its frequency in training.",
    )


class CrossEntropy(Classes):
    """Negative log-likelihood of the true class under a softmax."""

    type: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Smoothing = Field(0.0, description="Share of the target spread over all classes.")


class BinaryCrossEntropy(Classes):
    """Negative log-likelihood under a sigmoid: one yes or no for two classes, for more one for each class by itself.

    For two classes it is the same as cross-entropy. For more the probabilities are those of the sigmoids, scaled to sum
    to 1.
    """

    type: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    label_smoothing: Smoothing = Field(0.0, description="Draws every answer of 0 or 1 this much towards one half.")


class Focal(Classes):
    """Cross-entropy that turns to what is hard: rows that are right already count little (Lin et al. 2017).

    The alpha of the paper is `class_weight`.
    """

    type: Literal["focal"] = "focal"
    gamma: NotNegative = Field(2.0, description="How much less a row counts that is right; 0 is cross-entropy.")


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


def _rising(levels: tuple[float, ...]) -> tuple[float, ...]:
    if any(second <= first for first, second in pairwise(levels)):
        raise ValueError("must rise from one to the next, such as [0.1, 0.5, 0.9]")
    return levels


Level = Annotated[float, Field(gt=0, lt=1)]
Levels = Annotated[Items[Level], Field(min_length=1, max_length=99), AfterValidator(_rising)]


class Quantile(Section):
    """The pinball loss: what is predicted is a quantile, or several, instead of the mean (Koenker and Bassett 1978).

    Several make an interval of two, such as 0.1 and 0.9. What is predicted is brought into their order
    (Chernozhukov et al. 2010), so that no lower quantile lies above a higher one.
    """

    type: Literal["quantile"] = "quantile"
    quantile: Level | Levels = Field(
        0.5,
        description="Share of the targets that shall lie below the prediction, 0.5 being the median, or a list of "
        "shares, each with an output of its own; the one nearest to 0.5 is the value that scores are of.",
    )

    @property
    def levels(self) -> tuple[float, ...]:
        """The shares, from the least on."""
        return self.quantile if isinstance(self.quantile, tuple) else (self.quantile,)


Loss = Annotated[
    AutoLoss | CrossEntropy | BinaryCrossEntropy | Focal | Mse | Mae | Huber | Quantile,
    Field(discriminator="type"),
    Named,
]
