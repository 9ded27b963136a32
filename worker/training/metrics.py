"""How good predictions are: torchmetrics over all rows at once, and what the curves of its makers leave open.

Classification metrics read logits [N, classes] and class numbers [N]; regression metrics read values and targets of
equal shape in original units. A metric that has no meaning for the rows at hand is NaN: torchmetrics would count a
class that does not occur as an area of 0, and a constant target as an r2 of 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torchmetrics.functional import classification as classified_by
from torchmetrics.functional import regression as measured_by

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
        counted: Tensor = classified_by.multiclass_stat_scores(
            self.logits, self.targets, num_classes=self.num_classes, average="none", validate_args=False
        )
        return counted.reshape(-1, 5)

    @cached_property
    def one_against_rest(self) -> tuple[Tensor, Tensor]:
        """Scores [N, K] and membership int64 [N, K] of the K classes with rows on both sides; of two, the second."""
        first = 1 if self.num_classes == 2 else 0
        places = torch.arange(first, self.num_classes, device=self.targets.device)
        belongs = (self.targets[:, None] == places).long()
        inside = belongs.sum(0)
        has_both = (inside > 0) & (inside < len(self.targets))
        return self.probabilities[:, first:][:, has_both], belongs[:, has_both]


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
    return _multiclass(classified_by.multiclass_f1_score, scored, average="macro")


def precision_macro(scored: Classified) -> float:
    """Mean precision over the classes that occur among targets or predictions."""
    return _multiclass(classified_by.multiclass_precision, scored, average="macro")


def recall_macro(scored: Classified) -> float:
    """Mean recall over the classes that occur among targets or predictions."""
    return _multiclass(classified_by.multiclass_recall, scored, average="macro")


def auroc(scored: Classified) -> float:
    """Area under the ROC curve; the mean of each class against the rest where there are more than two."""
    return _ranked(classified_by.binary_auroc, classified_by.multilabel_auroc, scored)


def average_precision(scored: Classified) -> float:
    """Area under the precision-recall curve, as a step function; the mean over classes where there are more than two.

    Unlike the ROC curve it shows how hard a rare class is.
    """
    return _ranked(classified_by.binary_average_precision, classified_by.multilabel_average_precision, scored)


def log_loss(scored: Classified) -> float:
    """Mean negative log-likelihood of the true class, in nats, whatever the loss in training weighs or smooths."""
    return float(nn.functional.cross_entropy(scored.logits.double(), scored.targets))


def top5(scored: Classified) -> float:
    """Share of rows whose class is among the five with the highest scores."""
    return _multiclass(classified_by.multiclass_accuracy, scored, average="micro", top_k=min(TOP, scored.num_classes))


def matthews(scored: Classified) -> float:
    """Correlation of predicted and true classes (Matthews 1975; Gorodkin 2004); NaN where one class alone occurs."""
    if int((scored.counts[:, 4] > 0).sum()) < 2:
        return math.nan
    return _multiclass(classified_by.multiclass_matthews_corrcoef, scored)


def calibration_error(scored: Classified) -> float:
    """Mean distance of confidence and accuracy over fifteen bins of confidence (Guo et al. 2017)."""
    error = classified_by.multiclass_calibration_error(
        scored.probabilities, scored.targets, num_classes=scored.num_classes, n_bins=NUM_BINS, validate_args=False
    )
    return float(error)


def rmse(measured: Measured) -> float:
    """Root of the mean squared error."""
    return float(measured_by.mean_squared_error(*measured.pair, squared=False))


def mae(measured: Measured) -> float:
    """Mean absolute error."""
    return float(measured_by.mean_absolute_error(*measured.pair))


def r2(measured: Measured) -> float:
    """Share of the variance that is explained; NaN where the targets do not vary."""
    _, targets = measured.pair
    varies = bool((targets != targets[:1]).any())
    return float(measured_by.r2_score(*measured.pair)) if varies else math.nan


def mape(measured: Measured) -> float:
    """Mean absolute error as a share of the true value; NaN where one of those is 0."""
    _, targets = measured.pair
    return math.nan if bool((targets == 0).any()) else float(measured_by.mean_absolute_percentage_error(*measured.pair))


def smape(measured: Measured) -> float:
    """Mean of twice the absolute error as a share of the absolute values of both, from 0 to 2."""
    return float(measured_by.symmetric_mean_absolute_percentage_error(*measured.pair))


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


def _multiclass(function: Callable[..., Tensor], scored: Classified, **options: object) -> float:
    return float(
        function(scored.logits, scored.targets, num_classes=scored.num_classes, validate_args=False, **options)
    )


def _ranked(binary: Callable[..., Tensor], multilabel: Callable[..., Tensor], scored: Classified) -> float:
    ranking, belongs = scored.one_against_rest
    if ranking.shape[1] < 2:
        return float(binary(ranking[:, 0], belongs[:, 0], validate_args=False)) if ranking.shape[1] else math.nan
    return float(multilabel(ranking, belongs, num_labels=ranking.shape[1], average="macro", validate_args=False))
