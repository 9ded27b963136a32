"""One step of an augmentation: a change of one input, for the rows that chance picks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from worker.training.rows import Rows


class Step(Protocol):
    """Maps the rows of a batch to rows, as many and in the same order."""

    def __call__(self, rows: Rows) -> Rows:
        """The rows as they are trained on."""


class Changed:
    """A change of the input `name` in each row with chance `p`; where p is 1, nothing is drawn for it."""

    def __init__(self, name: str, change: Callable[[Tensor], Tensor], *, p: float = 1.0) -> None:
        self._name, self._change, self._p = name, change, p

    def __call__(self, rows: Rows) -> Rows:
        """The rows, some of them changed."""
        before = rows.inputs[self._name]
        after = self._change(before)
        if self._p < 1:
            picked = torch.rand(per_row(before), device=before.device) < self._p
            after = torch.where(picked, after, before)
        return replace(rows, inputs={**rows.inputs, self._name: after})


def per_row(batch: Tensor) -> tuple[int, ...]:
    """The shape of one number per row that broadcasts over a batch [N, ...]: (N, 1, ...)."""
    return (len(batch), *[1] * (batch.ndim - 1))


def uniform(batch: Tensor, low: float, high: float) -> Tensor:
    """A number between the two for each row, of the shape of `per_row`."""
    return torch.rand(per_row(batch), device=batch.device) * (high - low) + low
