"""Cells of rows as clients send them, and what is unusual about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InvalidRow

Row = Mapping[str, Any]

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Unusual:
    """Per field, in how many rows it had no value (`missing`) or one that no training row had (`unseen`)."""

    missing: dict[str, int] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)


def as_word(value: Any) -> str:
    """A value as the text that stands for it in a vocabulary: 3 and 3.0 are one value, and so are true and "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, datetime) else str(value)


def within_reach(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same numbers, NaN, which means missing, for those that are not finite in single precision."""
    fine = np.abs(numbers) <= _LARGEST
    return numbers if fine.all() else np.where(fine, numbers, np.nan)


def as_raw_numbers(numbers: npt.NDArray[np.float64]) -> Tensor:
    """Float32 of the same shape; what is not finite there becomes NaN, which means missing."""
    return torch.from_numpy(within_reach(numbers).astype(np.float32))


def as_number(value: float | str) -> float:
    """A number, infinite for a whole one that no float holds; raises ValueError for a word that is none."""
    try:
        return float(value)
    except OverflowError:
        return np.inf


def check_cells(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Raises InvalidRow where one of these fields of a row is no single value."""
    for number, row in enumerate(rows):
        for name in names:
            if isinstance(row.get(name), dict | list):
                raise InvalidRow("a cell is a number, a text, true, false or null", row=number, field=name)


def counts(names: Sequence[str], holds: Tensor) -> dict[str, int]:
    """In how many of N rows it holds, [N, names], for the names that it holds of at all."""
    return {name: count for name, count in zip(names, holds.sum(0).tolist(), strict=True) if count}
