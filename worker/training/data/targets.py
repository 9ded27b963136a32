"""The answers: class indices, or numbers standardised by the training rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from models.errors import InvalidData
from models.formats.labels import MAX_CLASSES, in_order
from worker.training.data.scales import SMALLEST_SPREAD
from worker.training.data.values import numbers_of, words_of


@dataclass(frozen=True, slots=True)
class Target:
    """Answers of all rows: `labels` int64 [N] into `classes`, or `numbers` float64 [N, outputs]."""

    labels: npt.NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    numbers: npt.NDArray[np.float64] | None = None
    mean: float | None = None
    std: float | None = None

    @property
    def num_outputs(self) -> int:
        """What a network has to put out for one row."""
        return len(self.classes) if self.numbers is None else self.numbers.shape[1]

    @property
    def values(self) -> Tensor:
        """What the loss compares with: int64 [N], or float32 [N, outputs] standardised."""
        if self.numbers is None:
            return torch.from_numpy(self.labels)
        return torch.from_numpy(((self.numbers - (self.mean or 0.0)) / (self.std or 1.0)).astype(np.float32))

    def standardised(self, train: npt.NDArray[np.bool_]) -> Target:
        """With mean and deviation of the training rows; raises InvalidData where they are all the same."""
        if self.numbers is None:
            return self
        chosen = self.numbers[train]
        mean, std = float(chosen.mean()), float(chosen.std())
        if not std > max(abs(mean) * 1e-12, SMALLEST_SPREAD):
            raise InvalidData(_too_alike(chosen))
        return replace(self, mean=mean, std=std)


def _too_alike(numbers: npt.NDArray[np.float64]) -> str:
    low, high = float(numbers.min()), float(numbers.max())
    if low == high:
        return f"the target is {low:g} in every training row; there is nothing to learn"
    return f"the target is from {low:g} to {high:g} in the training rows, which are too close for single precision"


def class_target(column: pa.Array, *, name: str) -> Target:
    """A column without missing values as classes, numbers in order of size; raises InvalidData unless two or more."""
    words = words_of(column)
    present = np.unique(words.codes)
    classes = in_order({words.values[code] for code in present})
    if len(classes) < 2:
        raise InvalidData(f"it holds one class only, {classes[0]!r}", place=f"column {name!r}")
    if len(classes) > min(MAX_CLASSES, len(words.codes) // 2):
        message = f"it holds {len(classes)} classes in {len(words.codes)} rows; is the task a regression?"
        raise InvalidData(message, place=f"column {name!r}")
    places = {value: code for code, value in enumerate(classes)}
    table = np.array([places.get(value, -1) for value in words.values], np.int64)
    return Target(labels=table[words.codes], classes=tuple(classes))


def number_target(column: pa.Array, *, name: str) -> Target:
    """A column without missing values as numbers; raises InvalidData naming the row that holds none."""
    numbers = numbers_of(column, name=name)
    if wrong := np.flatnonzero(~np.isfinite(numbers)).tolist():
        message = "it is no number, or one that single precision does not hold"
        raise InvalidData(message, place=f"column {name!r}, data row {wrong[0] + 1}")
    return Target(numbers=numbers[:, None])
