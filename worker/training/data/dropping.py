"""Training rows that are left out because of what they hold; validation and test rows never are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.spec.preprocessing import NoOutliers, Number
from worker.training.data.features import Features
from worker.training.data.fences import fences, outside
from worker.training.data.report import Report
from worker.training.data.splitting import DROPPED, TRAIN, Parts
from worker.training.data.targets import Target

Mask = npt.NDArray[np.bool_]


def unwanted(
    numbers: npt.NDArray[np.float64], train: Mask, spec: Number, *, names: list[str], report: Report
) -> dict[str, Mask]:
    """Which rows [N] of numbers [N, F] hold an outlier, or a gap, where training rows that do are to be left out."""
    found: dict[str, Mask] = {}
    if not isinstance(spec.outliers, NoOutliers) and spec.outliers.action == "drop_row":
        low, high = fences(numbers[train], spec.outliers, names=names, report=report)
        found["outliers"] = np.asarray(outside(numbers, low, high).any(axis=1))
    if spec.impute == "drop_row":
        found["missing_values"] = np.asarray(np.isnan(numbers).any(axis=1))
    return found


def without_rows(spec: Number, features: Features, parts: Parts, target: Target, report: Report) -> Parts:
    """The parts with unwanted training rows in none; raises InvalidData when too little is left to learn from.

    Columns that no training row has a value in are not looked at: they are left out as a whole.
    """
    train = parts == TRAIN
    some = ~np.isnan(features.numbers[train]).all(axis=0)
    kept = {name for name, keep in zip(features.number_names, some, strict=True) if keep}
    names = [name for name in features.plain_names if name in kept]
    for why, mask in unwanted(features.numbers[:, some], train, spec, names=names, report=report).items():
        gone = mask & (parts == TRAIN)
        report.drop_rows(why, int(gone.sum()))
        parts = np.where(gone, DROPPED, parts).astype(np.int8)
        if target.labels is not None:
            report.count_dropped_classes(why, target.labels[gone], classes=target.classes)
        if not (parts == TRAIN).any():
            raise InvalidData(f"every training row is left out because of {why.replace('_', ' ')}")
    _check_classes(parts, target, report)
    return parts


def _check_classes(parts: Parts, target: Target, report: Report) -> None:
    """Raises InvalidData when one class is left; warns of every other that went away."""
    if target.labels is None or not (parts == DROPPED).any():
        return
    left = np.unique(target.labels[parts == TRAIN])
    if len(left) < 2:
        raise InvalidData("the training rows that are not left out are all of one class; there is nothing to learn")
    before = np.unique(target.labels[(parts == TRAIN) | (parts == DROPPED)])
    for label in np.setdiff1d(before, left).tolist():
        report.warnings.append(f"no training row of class {target.classes[label]!r} is left")
