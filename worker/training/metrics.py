"""How good predictions are, over all rows at once.

Classification metrics read logits [N, classes] and class numbers [N]; regression metrics read values and targets of
equal shape in original units. A metric that has no meaning for the rows at hand is NaN: torchmetrics would count a
class that does not occur as an area of 0, and a constant target as an r2 of 0.

What jobs compute after every epoch are a few operations on all classes together; what is asked for rarely is computed
by torchmetrics, whose import takes a second and is left until then. Tests hold every metric to torchmetrics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

#: Bins of equal width that the calibration error is measured in (Guo et al. 2017).
NUM_BINS = 15
TOP = 5


class Classified:
    """Predictions of classes beside the true ones."""

    def __init__(self, logits: Tensor, targets: Tensor) -> None:
        self.logits = logits
        self.targets = targets
        self.num_classes = logits.shape[1]

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, [N, classes]."""
        return self.logits.softmax(1)

    @cached_property
    def counts(self) -> Tensor:
        """True and false positives, true and false negatives and support of each class, int64 [classes, 5]."""
        num = self.num_classes
        pairs = torch.bincount(self.targets * num + self.logits.argmax(1), minlength=num * num).reshape(num, num)
        hits, support, predicted = pairs.diagonal(), pairs.sum(1), pairs.sum(0)
        rest = len(self.targets) - support - predicted + hits
        return torch.stack((hits, predicted - hits, rest, support - hits, support), dim=1)

    @cached_property
    def one_against_rest(self) -> tuple[Tensor, Tensor]:
        """Scores [N, K] and membership int64 [N, K] of the K classes with rows on both sides; of two, the second."""
        first = 1 if self.num_classes == 2 else 0
        places = torch.arange(first, self.num_classes, device=self.targets.device)
        belongs = (self.targets[:, None] == places).long()
        inside = belongs.sum(0)
        has_both = (inside > 0) & (inside < len(self.targets))
        return self.probabilities[:, first:][:, has_both], belongs[:, has_both]

    @cached_property
    def ranking(self) -> tuple[Tensor, Tensor, Tensor]:
        """The K classes of `one_against_rest` with their rows by falling score: whether each is a member, how many rows
        have a higher score, and how many at least the same, int64 [K, N] each.
        """
        scores, belongs = self.one_against_rest
        falling, order = (-scores.T).contiguous().sort(dim=1)
        higher = torch.searchsorted(falling, falling)
        return belongs.T.gather(1, order), higher, torch.searchsorted(falling, falling, right=True)


@dataclass(frozen=True, slots=True)
class Measured:
    """Predicted numbers beside the true ones, float [N, outputs] each, in original units."""

    values: Tensor
    targets: Tensor

    @property
    def pair(self) -> tuple[Tensor, Tensor]:
        """Both, flat, in float64."""
        return self.values.double().reshape(-1), self.targets.double().reshape(-1)


def accuracy(scored: Classified) -> float:
    """Share of rows whose class is right, to the last digit: the hits that torchmetrics counts, not its float32."""
    return int(scored.counts[:, 0].sum()) / max(1, len(scored.targets))


def balanced_accuracy(scored: Classified) -> float:
    """Mean recall over the classes that occur among the targets."""
    hits, support = scored.counts[:, 0], scored.counts[:, 4]
    return float((hits / support)[support > 0].mean())


def f1_macro(scored: Classified) -> float:
    """Mean F1 over the classes that occur among targets or predictions."""
    hits, false_alarms, _, misses, _ = scored.counts.T
    return _mean_over_occurring(2 * hits, 2 * hits + false_alarms + misses, scored)


def precision_macro(scored: Classified) -> float:
    """Mean precision over the classes that occur among targets or predictions."""
    hits, false_alarms = scored.counts[:, 0], scored.counts[:, 1]
    return _mean_over_occurring(hits, hits + false_alarms, scored)


def recall_macro(scored: Classified) -> float:
    """Mean recall over the classes that occur among targets or predictions."""
    return _mean_over_occurring(scored.counts[:, 0], scored.counts[:, 4], scored)


def auroc(scored: Classified) -> float:
    """Area under the ROC curve; the mean of each class against the rest where there are more than two."""
    members, higher, as_high = scored.ranking
    places = ((higher + as_high + 1) * members).sum(1).double() / 2  # equal scores share the mean of their places
    inside = members.sum(1).double()
    outside = len(scored.targets) - inside
    return _mean_area(1 - (places - inside * (inside + 1) / 2) / (inside * outside))  # Mann and Whitney 1947


def average_precision(scored: Classified) -> float:
    """Area under the precision-recall curve, as a step function; the mean over classes where there are more than two.

    Unlike the ROC curve it shows how hard a rare class is.
    """
    members, _, as_high = scored.ranking
    found = members.cumsum(1).gather(1, as_high - 1)
    return _mean_area((members * (found.double() / as_high)).sum(1) / members.sum(1))


def log_loss(scored: Classified) -> float:
    """Mean negative log-likelihood of the true class, in nats, whatever the loss in training weighs or smooths."""
    return float(nn.functional.cross_entropy(scored.logits.double(), scored.targets))


def top5(scored: Classified) -> float:
    """Share of rows whose class is among the five with the highest scores."""
    best = scored.logits.topk(min(TOP, scored.num_classes), dim=1).indices
    return int((best == scored.targets[:, None]).sum()) / max(1, len(scored.targets))


def matthews(scored: Classified) -> float:
    """Correlation of predicted and true classes (Matthews 1975; Gorodkin 2004); NaN where one class alone occurs."""
    if int((scored.counts[:, 4] > 0).sum()) < 2:
        return math.nan
    from torchmetrics.functional.classification import multiclass_matthews_corrcoef

    logits, targets = scored.logits, scored.targets
    return float(multiclass_matthews_corrcoef(logits, targets, num_classes=scored.num_classes, validate_args=False))


def calibration_error(scored: Classified) -> float:
    """Mean distance of confidence and accuracy over fifteen bins of confidence (Guo et al. 2017)."""
    from torchmetrics.functional.classification import multiclass_calibration_error

    error = multiclass_calibration_error(
        scored.probabilities, scored.targets, num_classes=scored.num_classes, n_bins=NUM_BINS, validate_args=False
    )
    return float(error)


def rmse(measured: Measured) -> float:
    """Root of the mean squared error."""
    values, targets = measured.pair
    return float((values - targets).square().mean().sqrt())


def mae(measured: Measured) -> float:
    """Mean absolute error."""
    values, targets = measured.pair
    return float((values - targets).abs().mean())


def r2(measured: Measured) -> float:
    """Share of the variance that is explained; NaN where the targets do not vary."""
    values, targets = measured.pair
    if not bool((targets != targets[:1]).any()):
        return math.nan
    return 1 - float((values - targets).square().sum() / (targets - targets.mean()).square().sum())


def mape(measured: Measured) -> float:
    """Mean absolute error as a share of the true value; NaN where one of those is 0."""
    values, targets = measured.pair
    return math.nan if bool((targets == 0).any()) else float(((values - targets) / targets).abs().mean())


def smape(measured: Measured) -> float:
    """Mean of twice the absolute error as a share of the absolute values of both, from 0 to 2."""
    from torchmetrics.functional.regression import symmetric_mean_absolute_percentage_error

    return float(symmetric_mean_absolute_percentage_error(*measured.pair))


CLASSIFICATION: Mapping[str, Callable[[Classified], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1_macro": f1_macro,
    "precision_macro": precision_macro,
    "recall_macro": recall_macro,
    "auroc": auroc,
    "average_precision": average_precision,
    "log_loss": log_loss,
    "top5": top5,
    "matthews": matthews,
    "calibration_error": calibration_error,
}

REGRESSION: Mapping[str, Callable[[Measured], float]] = {
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
    "mape": mape,
    "smape": smape,
}


def scores(judged: Classified | Measured, names: tuple[str, ...]) -> dict[str, float]:
    """The metrics of these names."""
    if isinstance(judged, Classified):
        return {name: CLASSIFICATION[name](judged) for name in names}
    return {name: REGRESSION[name](judged) for name in names}


def _mean_over_occurring(part: Tensor, whole: Tensor, scored: Classified) -> float:
    """The mean of shares over the classes that occur among targets or predictions; a share of nothing is 0."""
    occurs = (scored.counts[:, 1] + scored.counts[:, 4]) > 0
    return float((part / whole.clamp(min=1))[occurs].mean())


def _mean_area(areas: Tensor) -> float:
    return float(areas.mean()) if len(areas) else math.nan
