"""Where numbers count as outliers: measured on the training rows, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.spec.preprocessing import AnyOutliers, IqrOutliers, NoOutliers, QuantileOutliers, ZscoreOutliers
from worker.training.data.report import Report

Floats = npt.NDArray[np.float64]

_VERBS: Mapping[str, str] = {"clip": "clipped", "flag": "flagged", "null": "emptied", "drop_row": "looked at"}


def fences(train: Floats, spec: AnyOutliers, *, names: Sequence[str], report: Report) -> tuple[Floats, Floats]:
    """The lowest and highest ordinary value of each column [F], infinite where everything is ordinary.

    Notes how many training rows lie outside, and the columns that are spared because those are too many.
    """
    low, high = np.full(train.shape[1], -np.inf), np.full(train.shape[1], np.inf)
    if isinstance(spec, NoOutliers):
        return low, high
    for place, name in enumerate(names):
        column = train[:, place]
        lowest, highest = _between(column, spec)
        num = int(((column < lowest) | (column > highest)).sum())
        if not lowest < highest or not num:
            continue
        if num > spec.max_affected * len(column):
            many = f"{num} of {len(column)} rows would change"
            report.warnings.append(f"column {name!r} is not {_VERBS[spec.action]} for outliers: {many}")
            continue
        report.outlier_action = spec.action
        low[place], high[place] = lowest, highest
        report.outliers[name] = num
    return low, high


def outside(numbers: Floats, low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
    """Which cells are outliers, [N, F]; missing ones are none."""
    return np.asarray((numbers < low) | (numbers > high))


def _between(column: Floats, spec: Any) -> tuple[float, float]:
    """The fences of one column; equal where it has no spread to go by."""
    if isinstance(spec, IqrOutliers):
        first, third = np.nanquantile(column, (0.25, 0.75))
        fence = spec.k * (third - first)
        return (float(first - fence), float(third + fence)) if fence else (0.0, 0.0)
    if isinstance(spec, ZscoreOutliers):
        mean, deviation = np.nanmean(column), np.nanstd(column)
        return float(mean - spec.k * deviation), float(mean + spec.k * deviation)
    if isinstance(spec, QuantileOutliers):
        low, high = np.nanquantile(column, (spec.low, spec.high))
        return float(low), float(high)
    raise TypeError(f"{type(spec).__name__} draws no fences")
