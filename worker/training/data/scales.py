"""How columns are brought to one scale: what is measured on the training rows for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Points of the curve that makes a column normal: enough to be smooth, few enough for any checkpoint.
MAX_POINTS = 256
#: A column, or a target, that varies by less is one number: what it would be divided by is nothing in single precision.
SMALLEST_SPREAD = 1e-30


def standard(values: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of each column."""
    return values.mean(axis=0), values.std(axis=0)


def minmax(values: Floats) -> tuple[Floats, Floats]:
    """Least value and range of each column."""
    lowest = values.min(axis=0)
    return lowest, values.max(axis=0) - lowest


def robust(values: Floats) -> tuple[Floats, Floats]:
    """Median and interquartile range of each column; the deviation where half of the values are one and the same."""
    first, median, third = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
    return median, np.where(third > first, third - first, values.std(axis=0))


def log1p(values: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of the signed logarithm, sign(x) log(1 + |x|), of each column."""
    return standard(np.sign(values) * np.log1p(np.abs(values)))


def unscaled(values: Floats) -> tuple[Floats, Floats]:
    """Nothing is subtracted, and all is divided by one."""
    return np.zeros(values.shape[1]), np.ones(values.shape[1])


#: What is subtracted from each column, and what it is divided by.
SCALES: Mapping[str, Callable[[Floats], tuple[Floats, Floats]]] = {
    "standard": standard,
    "minmax": minmax,
    "robust": robust,
    "log1p": log1p,
    "quantile": unscaled,
    "none": unscaled,
}


def curves(values: Floats) -> tuple[Floats, Floats]:
    """Points of a line per column [F, points] from its quantiles to those of a normal distribution.

    The share of rows below a value counts half of its ties (Hazen 1914), so the ends stay finite; a constant column
    becomes 0.
    """
    lines = [_curve(np.sort(column)) for column in values.T]
    longest = max(2, *(len(inputs) for inputs, _ in lines))
    padded = [[np.pad(line, (0, longest - len(line)), mode="edge") for line in pair] for pair in lines]
    return np.array([pair[0] for pair in padded]), np.array([pair[1] for pair in padded])


def _curve(ordered: Floats) -> tuple[Floats, Floats]:
    distinct, counts = np.unique(ordered, return_counts=True)
    below = np.cumsum(counts) - counts / 2
    if len(distinct) > MAX_POINTS:
        chosen = np.unique(np.searchsorted(below, np.linspace(below[0], below[-1], MAX_POINTS)))
        distinct, below = distinct[chosen], below[chosen]
    normal = NormalDist()
    return distinct, np.array([normal.inv_cdf(share) for share in below / len(ordered)])
