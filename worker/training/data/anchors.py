"""What a forecast is told relative to: a level and a spread that each window brings along, in units of the target.

A network that predicts `level + spread * output` need not learn again what its window shows already, and follows a
series to heights that training never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from worker.training.data.numbers import carried

#: Straight lines through more inputs than this are drawn through the target's own past alone.
MAX_COLUMNS = 2048
DECAY = 1e-3
_SMALLEST_SPREAD = 1e-3


class Anchor(nn.Module):
    """Level and spread of each window, standardised as the target is.

    `difference`: the last known value, and how far values usually are from it. `per_window`: mean and deviation of the
    target in the window (Kim et al. 2022). `residual`: what linear autoregression forecasts, and how far it is usually
    off.
    """

    target_mean: Tensor
    target_std: Tensor
    usual: Tensor
    weights: Tensor

    def __init__(self, *, how: str, target: int, horizon: int, columns: int = 0, own_past: bool = False) -> None:
        super().__init__()
        self.how, self.target, self.horizon = how, target, horizon
        self.columns, self.own_past = columns, own_past
        self.register_buffer("target_mean", torch.tensor(0.0))
        self.register_buffer("target_std", torch.tensor(1.0))
        self.register_buffer("usual", torch.ones(horizon))
        self.register_buffer("weights", torch.zeros(columns, horizon))

    def plan(self) -> dict[str, Any]:
        """What `__init__` takes, as plain JSON values."""
        return {
            "how": self.how,
            "target": self.target,
            "horizon": self.horizon,
            "columns": self.columns,
            "own_past": self.own_past,
        }

    def forward(self, raw: Tensor, ready: Tensor) -> tuple[Tensor, Tensor]:
        """Raw windows [N, T, F] and preprocessed ones to level and spread, [N, horizon] each."""
        if self.how == "residual":
            return self.flat(ready) @ self.weights, self.usual.expand(len(raw), -1)
        past = self.past(raw)
        if self.how == "difference":
            return past[:, -1:].expand(-1, self.horizon), self.usual.expand(len(raw), -1)
        spread = past.std(1, keepdim=True, correction=0).clamp(min=_SMALLEST_SPREAD)
        return past.mean(1, keepdim=True).expand(-1, self.horizon), spread.expand(-1, self.horizon)

    def applied(self, raw: Tensor, ready: Tensor) -> dict[str, Tensor]:
        """Network inputs: windows whose own past of the target is told relative to the level too, where that is one
        number for all steps, and level and spread.
        """
        level, spread = self(raw, ready)
        if self.how != "residual":
            relative = (self.past(raw) - level[:, :1]) / spread[:, :1]
            ready = torch.cat([ready[:, :, : self.target], relative[:, :, None], ready[:, :, self.target + 1 :]], dim=2)
        return {"series": ready, "level": level, "spread": spread}

    def past(self, raw: Tensor) -> Tensor:
        """The target's own past [N, T], standardised; gaps take the last value before them, else the mean."""
        known = carried(raw[:, :, self.target : self.target + 1])[:, :, 0]
        return ((known - self.target_mean) / self.target_std).nan_to_num(0.0)

    def flat(self, ready: Tensor) -> Tensor:
        """What the line is drawn through: whole windows, or the target's past in them, and a one, [N, columns]."""
        seen = ready[:, :, self.target] if self.own_past else ready.flatten(1)
        return torch.cat([seen, seen.new_ones(len(seen), 1)], dim=1)


def fit(anchor: Anchor, batches: Callable[[], Iterator[tuple[Tensor, Tensor, Tensor]]]) -> None:
    """Measures the training windows: raw [N, T, F], preprocessed, and standardised answers [N, H] of each batch."""
    if anchor.how == "residual":
        anchor.weights.copy_(_least_squares((anchor.flat(ready), answers) for _, ready, answers in batches()))
    if anchor.how == "per_window":
        return
    squares, num = torch.zeros(anchor.horizon, dtype=torch.float64), 0
    for raw, ready, answers in batches():
        squares += (answers - anchor(raw, ready)[0]).double().square().sum(0)
        num += len(answers)
    anchor.usual.copy_((squares / num).sqrt().clamp(min=_SMALLEST_SPREAD))


def _least_squares(pairs: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """Weights [columns, H] of least squares with a small ridge, from sums over batches."""
    gram = moments = None
    num = 0
    for inputs, answers in pairs:
        these, those = inputs.double(), answers.double()
        gram = these.T @ these if gram is None else gram + these.T @ these
        moments = these.T @ those if moments is None else moments + these.T @ those
        num += len(these)
    if gram is None or moments is None:
        raise ValueError("there are no windows to fit a line to")
    gram.diagonal().add_(DECAY * num)
    solved: Tensor = torch.linalg.solve(gram, moments)
    return solved.float()
