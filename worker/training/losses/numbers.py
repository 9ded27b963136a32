"""Losses of values [N, num_outputs] against targets of the same shape, both standardised."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from worker.training.losses.mean import Loss


class Numeric(Loss):
    """The mean of a function of values and targets over all entries."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over all entries."""
        return self.function(outputs, targets)


class Pinball(Loss):
    """quantile * e where the target is e above the value, (1 - quantile) * e below (Koenker and Bassett 1978).

    It is least where that share of the targets lies below the value.
    """

    def __init__(self, quantile: float) -> None:
        super().__init__()
        self.quantile = quantile

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over all entries."""
        errors = targets - outputs
        return torch.maximum(self.quantile * errors, (self.quantile - 1) * errors).mean()
