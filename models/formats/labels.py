"""From labels as they are written to class indices."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData

MAX_CLASSES = 100_000
_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]+)?")


def coded(labels: npt.NDArray[Any], *, place: str) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Indices [N] into the sorted distinct labels, and those as text.

    Raises InvalidData unless the labels are whole numbers or text.
    """
    if labels.dtype.kind not in "biuU":
        raise InvalidData(f"labels are whole numbers or text, not {labels.dtype}", place=place)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) > MAX_CLASSES:
        raise InvalidData(f"there are {len(classes):,} classes; at most {MAX_CLASSES:,} are read", place=place)
    return codes.astype(np.int64).reshape(-1), [str(label) for label in classes.tolist()]


def in_order(names: set[str]) -> list[str]:
    """Class names sorted as numbers where all are numbers, as text otherwise."""
    if all(_NUMBER.fullmatch(name) for name in names):
        return sorted(names, key=lambda name: (float(name), name))
    return sorted(names)
