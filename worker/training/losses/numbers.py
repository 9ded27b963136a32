"""Losses of values [N, num_outputs] against targets of the same shape, both standardised."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    """level * e where the target is e above the value, (1 - level) * e below (Koenker and Bassett 1978).

    It is least where that share of the targets lies below the value. Outputs are values [N, answers * levels], those of
    one answer side by side, from the lowest level to the highest; targets are [N, answers].
    """

    def __init__(self, levels: Sequence[float]) -> None:
        super().__init__()
        self.levels = tuple(levels)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over all entries."""
        each = outputs.reshape(len(outputs), -1, len(self.levels)).unbind(2)
        costs = [_pinball(targets - values, level) for values, level in zip(each, self.levels, strict=True)]
        return costs[0].mean() if len(costs) == 1 else torch.stack(costs).mean()


def _pinball(errors: Tensor, level: float) -> Tensor:
    return torch.maximum(level * errors, (level - 1) * errors)
