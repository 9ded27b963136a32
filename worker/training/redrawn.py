"""Metrics over many draws of the rows at once, from sums: what `metrics` computes on one set of rows.

Every function answers one value per draw, float64 [draws]; a test holds each to its torchmetrics twin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from torch import Tensor

from worker.training.intervals import NUM_RANKED_DRAWS, Resamples
from worker.training.metrics import NUM_BINS, TOP, Classified, Measured

Floats = npt.NDArray[np.float64]

#: A ranking is not drawn again where that takes more values than this (about a second).
MAX_RANKED_VALUES = 10**8


def accuracy(scored: Classified, rows: Resamples) -> Floats:
    """Share of rows whose class is right."""
    return _mean(_array(scored.logits.argmax(1) == scored.targets), rows)


def balanced_accuracy(scored: Classified, rows: Resamples) -> Floats:
    """Mean recall over the classes that occur among the targets."""
    hits, support, _ = _class_counts(scored, rows)
    return _mean_where(hits / np.maximum(support, 1), support > 0)


def f1_macro(scored: Classified, rows: Resamples) -> Floats:
    """Mean F1 over the classes that occur."""
    hits, support, predicted = _class_counts(scored, rows)
    return _mean_where(2 * hits / np.maximum(support + predicted, 1), support + predicted > 0)


def precision_macro(scored: Classified, rows: Resamples) -> Floats:
    """Mean precision over the classes that occur."""
    hits, support, predicted = _class_counts(scored, rows)
    return _mean_where(hits / np.maximum(predicted, 1), support + predicted > 0)


def recall_macro(scored: Classified, rows: Resamples) -> Floats:
    """Mean recall over the classes that occur."""
    hits, support, predicted = _class_counts(scored, rows)
    return _mean_where(hits / np.maximum(support, 1), support + predicted > 0)


def auroc(scored: Classified, rows: Resamples) -> Floats:
    """Area under the ROC curve, ties counted half (Mann and Whitney 1947)."""
    return _ranked(scored, rows, _area)


def average_precision(scored: Classified, rows: Resamples) -> Floats:
    """Area under the precision-recall curve as a step function."""
    return _ranked(scored, rows, _steps)


def log_loss(scored: Classified, rows: Resamples) -> Floats:
    """Mean negative log-likelihood of the true class."""
    likelihood = scored.logits.double().log_softmax(1).gather(1, scored.targets[:, None])[:, 0]
    return _mean(-_array(likelihood), rows)


def top5(scored: Classified, rows: Resamples) -> Floats:
    """Share of rows whose class is among the five with the highest scores."""
    best = scored.logits.topk(min(TOP, scored.num_classes), dim=1).indices
    return _mean(_array((best == scored.targets[:, None]).any(1)), rows)


def matthews(scored: Classified, rows: Resamples) -> Floats:
    """Correlation of predicted and true classes, from their counts alone (Gorodkin 2004)."""
    hits, support, predicted = _class_counts(scored, rows)
    num, right = support.sum(1), hits.sum(1)
    of_both = right * num - (support * predicted).sum(1)
    of_each = (num**2 - (predicted**2).sum(1)) * (num**2 - (support**2).sum(1))
    return np.where(of_each > 0, of_both / np.sqrt(np.maximum(of_each, 1)), 0.0)


def calibration_error(scored: Classified, rows: Resamples) -> Floats:
    """Mean distance of confidence and accuracy over bins of confidence."""
    confidence, chosen = scored.probabilities.max(1)
    sure, right = _array(confidence), _array(chosen == scored.targets)
    bins = np.clip(np.floor(sure * NUM_BINS), 0, NUM_BINS - 1).astype(np.int64)
    gaps = rows.counts(bins, num_codes=NUM_BINS, weights=right - sure)
    return np.asarray(np.abs(gaps).sum(1) / rows.counts(bins, num_codes=NUM_BINS).sum(1))


def rmse(measured: Measured, rows: Resamples) -> Floats:
    """Root of the mean squared error."""
    return np.sqrt(_mean(_by_row(_errors(measured) ** 2), rows))


def mae(measured: Measured, rows: Resamples) -> Floats:
    """Mean absolute error."""
    return _mean(_by_row(np.abs(_errors(measured))), rows)


def r2(measured: Measured, rows: Resamples) -> Floats:
    """Share of the variance that is explained."""
    targets = _array(measured.targets)
    shifted = targets - targets.mean()
    square = _mean(_by_row(shifted**2), rows) - _mean(_by_row(shifted), rows) ** 2
    rest = _mean(_by_row(_errors(measured) ** 2), rows)
    return np.where(square > 0, 1 - rest / np.where(square > 0, square, 1), np.nan)


def mape(measured: Measured, rows: Resamples) -> Floats:
    """Mean absolute error as a share of the true value; NaN where one of those is 0."""
    truth = np.abs(_array(measured.targets))
    if not truth.all():
        return np.full(len(rows.draws), np.nan)
    return _mean(_by_row(np.abs(_errors(measured)) / truth), rows)


def smape(measured: Measured, rows: Resamples) -> Floats:
    """Mean of twice the absolute error as a share of the absolute values of both."""
    whole = np.abs(_array(measured.targets)) + np.abs(_array(measured.values))
    return _mean(_by_row(2 * np.abs(_errors(measured)) / np.where(whole > 0, whole, 1)), rows)


CLASSIFICATION: Mapping[str, Callable[[Classified, Resamples], Floats]] = {
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

REGRESSION: Mapping[str, Callable[[Measured, Resamples], Floats]] = {
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
    "mape": mape,
    "smape": smape,
}


def draws(judged: Classified | Measured, name: str, rows: Resamples) -> Floats:
    """The metric of that name, once per draw."""
    with np.errstate(invalid="ignore"):
        return CLASSIFICATION[name](judged, rows) if isinstance(judged, Classified) else REGRESSION[name](judged, rows)


def _array(values: Tensor) -> Floats:
    return values.detach().double().cpu().numpy()


def _codes(values: Tensor) -> npt.NDArray[np.int64]:
    return values.detach().cpu().numpy()


def _errors(measured: Measured) -> Floats:
    return _array(measured.values) - _array(measured.targets)


def _by_row(values: Floats) -> Floats:
    return np.asarray(values.reshape(len(values), -1).mean(axis=1))


def _mean(values: Floats, rows: Resamples) -> Floats:
    return rows.sums(values) / rows.sums(np.ones(len(values)))


def _mean_where(values: Floats, counted: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray((values * counted).sum(1) / counted.sum(1))


def _class_counts(scored: Classified, rows: Resamples) -> tuple[Floats, Floats, Floats]:
    """Rows of each class that were given it, that belong to it, and that were given it, [draws, classes] each."""
    truth, chosen = _codes(scored.targets), _codes(scored.logits.argmax(1))
    num = scored.num_classes
    hits = rows.counts(truth, num_codes=num, weights=(truth == chosen).astype(float))
    return hits, rows.counts(truth, num_codes=num), rows.counts(chosen, num_codes=num)


def _ranked(scored: Classified, rows: Resamples, area: Callable[[Floats, Floats], Floats]) -> Floats:
    """The mean over classes of an area under a curve, on the first draws."""
    ranking, belongs = scored.one_against_rest
    if ranking.numel() * NUM_RANKED_DRAWS > MAX_RANKED_VALUES or not ranking.numel():
        return np.full(NUM_RANKED_DRAWS, np.nan)
    weights = rows.row_weights()
    areas = []
    for place in range(ranking.shape[1]):
        scores, members = _array(ranking[:, place]), _array(belongs[:, place])
        order = np.argsort(-scores, kind="stable")
        first = np.flatnonzero(np.diff(scores[order], prepend=np.inf) != 0)
        inside = np.add.reduceat((weights * members)[:, order], first, axis=1)
        outside = np.add.reduceat((weights * (1 - members))[:, order], first, axis=1)
        areas.append(area(inside, outside))
    return np.asarray(np.mean(areas, axis=0))


def _area(inside: Floats, outside: Floats) -> Floats:
    """By ranks, from the members and the others at each score, the highest first."""
    above = np.cumsum(inside, axis=1) - inside / 2
    return np.asarray((outside * above).sum(1) / (inside.sum(1) * outside.sum(1)))


def _steps(inside: Floats, outside: Floats) -> Floats:
    found = np.cumsum(inside, axis=1)
    precision = found / np.maximum(found + np.cumsum(outside, axis=1), 1)
    return np.asarray((inside * precision).sum(1) / inside.sum(1))
