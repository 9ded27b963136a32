"""How good predictions are, in exact tensor arithmetic over all rows at once. Each agrees with torchmetrics.

Classification metrics read logits [N, classes] and class numbers [N]; regression metrics read values and targets of
equal shape in original units. A metric that has no meaning for the rows at hand is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor


class Classified:
    """Predictions of classes, and the counts that most metrics share."""

    def __init__(self, logits: Tensor, targets: Tensor) -> None:
        self.logits = logits
        self.targets = targets
        self.num_classes = logits.shape[1]
        pairs = targets * self.num_classes + logits.argmax(1)
        self.confusion = torch.bincount(pairs, minlength=self.num_classes**2).view(self.num_classes, self.num_classes)
        self.hits = self.confusion.diagonal().double()
        self.support = self.confusion.sum(1).double()
        self.predicted = self.confusion.sum(0).double()

    @property
    def precision(self) -> Tensor:
        """Share of the rows given each class that belong to it, float64 [classes]; 0 where nothing was."""
        return self.hits / self.predicted.clamp(min=1)

    @property
    def recall(self) -> Tensor:
        """Share of the rows of each class that were given it, float64 [classes]; 0 where there are none."""
        return self.hits / self.support.clamp(min=1)

    @property
    def f1(self) -> Tensor:
        """Harmonic mean of precision and recall, float64 [classes]."""
        return 2 * self.hits / (self.support + self.predicted).clamp(min=1)

    def mean_over_seen(self, values: Tensor) -> float:
        """The plain mean over the classes that occur among targets or predictions."""
        seen = (self.support + self.predicted) > 0
        return float(values[seen].mean())


def accuracy(scored: Classified) -> float:
    """Share of rows whose class is right."""
    return float(scored.hits.sum() / max(1, len(scored.targets)))


def balanced_accuracy(scored: Classified) -> float:
    """Mean recall over the classes that occur among the targets."""
    return float(scored.recall[scored.support > 0].mean())


def f1_macro(scored: Classified) -> float:
    """Mean F1 over the classes that occur."""
    return scored.mean_over_seen(scored.f1)


def precision_macro(scored: Classified) -> float:
    """Mean precision over the classes that occur."""
    return scored.mean_over_seen(scored.precision)


def recall_macro(scored: Classified) -> float:
    """Mean recall over the classes that occur."""
    return scored.mean_over_seen(scored.recall)


def auroc(scored: Classified) -> float:
    """Area under the ROC curve; the mean of one class against the rest where there are more than two.

    By ranks (Mann and Whitney 1947), ties at their mean rank. Classes without rows on both sides are left out.
    """
    scores = scored.logits.softmax(1)
    if scored.num_classes == 2:
        scores = scores[:, 1:]
    first = scored.num_classes - scores.shape[1]
    belongs = scored.targets[:, None] == torch.arange(first, scored.num_classes, device=scores.device)
    inside = belongs.sum(0).double()
    pairs = inside * (len(scores) - inside)
    above = (_ranks(scores) * belongs).sum(0) - inside * (inside + 1) / 2
    has_both = pairs > 0
    return float((above[has_both] / pairs[has_both]).mean()) if bool(has_both.any()) else math.nan


def _ranks(scores: Tensor) -> Tensor:
    """Ranks from 1 down each column, ties at their mean, float64."""
    columns = scores.T.contiguous()
    ordered = columns.sort(dim=1).values
    below = torch.searchsorted(ordered, columns)
    up_to = torch.searchsorted(ordered, columns, right=True)
    return ((below + up_to + 1).double() / 2).T


def rmse(values: Tensor, targets: Tensor) -> float:
    """Root of the mean squared error."""
    return float((values.double() - targets.double()).square().mean().sqrt())


def mae(values: Tensor, targets: Tensor) -> float:
    """Mean absolute error."""
    return float((values.double() - targets.double()).abs().mean())


def r2(values: Tensor, targets: Tensor) -> float:
    """Share of the variance that is explained; NaN where the targets do not vary."""
    targets = targets.double()
    total = (targets - targets.mean()).square().sum()
    rest = (values.double() - targets).square().sum()
    return float(1 - rest / total) if float(total) > 0 else math.nan


CLASSIFICATION: Mapping[str, Callable[[Classified], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1_macro": f1_macro,
    "precision_macro": precision_macro,
    "recall_macro": recall_macro,
    "auroc": auroc,
}

REGRESSION: Mapping[str, Callable[[Tensor, Tensor], float]] = {"rmse": rmse, "mae": mae, "r2": r2}
