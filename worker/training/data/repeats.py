"""What repeated rows mean for a result: leaks between the parts, and answers that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from worker.training.data.report import Report
from worker.training.data.splitting import DROPPED, TRAIN, Keys, Labels, Parts


def note_repeats(report: Report, keys: Keys, parts: Parts, *, labels: Labels | None) -> None:
    """Notes rows that repeat the features of another, those that do so across the split, and those that contradict.

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
        most, _ = _most_frequent(units, labels)
        report.conflicting_rows = int((most < sizes)[units].sum())
        if report.conflicting_rows:
            report.accuracy_ceiling = int(most.sum()) / len(labels)


def settled(
    how: str, keys: Keys, parts: Parts, labels: Labels, *, classes: Sequence[str], report: Report
) -> tuple[Parts, Labels]:
    """Parts and classes after training rows that contradict each other were left out, or outvoted by the majority.

    Of classes that are equally frequent the first one wins. Validation and test rows stay as they are: they are what a
    network meets.
    """
    if how == "report" or not report.conflicting_rows:
        return parts, labels
    train = np.flatnonzero(parts == TRAIN)
    _, units, sizes = np.unique(keys[train], return_inverse=True, return_counts=True)
    most, winner = _most_frequent(units, labels[train])
    conflicting = (most < sizes)[units]
    parts, labels = parts.copy(), labels.copy()
    if how == "drop":
        gone = train[conflicting]
        parts[gone] = DROPPED
        report.drop_rows("conflicting_labels", len(gone))
        report.count_dropped_classes("conflicting_labels", labels[gone], classes=classes)
    else:
        before = labels[train]
        labels[train] = winner[units]
        report.relabelled_rows = int((labels[train] != before).sum())
    return parts, labels


def _most_frequent(units: npt.NDArray[np.intp], labels: Labels) -> tuple[npt.NDArray[np.int64], Labels]:
    """For each unit of equal rows how many have its most frequent class, and which that is."""
    pairs, counts = np.unique(np.stack([units, labels]), axis=1, return_counts=True)
    order = np.lexsort((-pairs[1], counts, pairs[0]))  # the last of each unit is its most frequent, the first of ties
    last = np.flatnonzero(np.diff(pairs[0][order], append=-1) != 0)
    return counts[order][last], pairs[1][order][last]
