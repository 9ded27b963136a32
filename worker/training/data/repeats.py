"""What repeated rows mean for a result: leaks between the parts, and answers that contradict each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from worker.training.data.report import Report
from worker.training.data.splitting import TRAIN, Keys, Labels, Parts


def note_repeats(report: Report, keys: Keys, parts: Parts, *, labels: Labels | None) -> None:
    """Notes rows that repeat the features of another, and those that do so across the split.

    `accuracy_ceiling` is the accuracy of a predictor that knows every row by heart: where rows of equal features differ
    in class it can be right about the most frequent one only.
    """
    _, units, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    report.duplicates = len(keys) - len(sizes)
    if not report.duplicates:
        return
    trained = np.zeros(len(sizes), np.bool_)
    trained[units[parts == TRAIN]] = True
    report.duplicates_across_splits = int(trained[units[parts != TRAIN]].sum())
    if labels is not None:
        report.accuracy_ceiling = _ceiling(units, labels)


def _ceiling(units: npt.NDArray[np.intp], labels: Labels) -> float | None:
    """Share of rows whose class is the most frequent among rows of equal features; None when that is all."""
    pairs, counts = np.unique(np.stack([units, labels]), axis=1, return_counts=True)
    most = np.zeros(int(units.max()) + 1, np.int64)
    np.maximum.at(most, pairs[0], counts)
    right = int(most.sum())
    return None if right == len(labels) else right / len(labels)
