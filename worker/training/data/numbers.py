"""Numbers on their way into a network: outliers, gaps and scale, as modules with buffers and no parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

#: Rows whose gaps are filled at once by their neighbours; distances to all reference rows take the memory.
_ROWS_AT_ONCE = 1024


class Numbers(nn.Module):
    """Treats outliers, fills gaps and scales numbers [..., F]; then appends indicators of what was missing or extreme.

    `indicated` lists the columns that have an indicator of missing values: those with some among the training rows,
    because the weight of an input that is always 0 would never be trained. `flagged` does so for outliers. `outliers`
    is what happens outside `low` and `high`: clip, flag, null or none.
    """

    places: Tensor
    flag_places: Tensor
    fill: Tensor
    low: Tensor
    high: Tensor
    center: Tensor
    scale: Tensor

    def __init__(
        self,
        *,
        num_columns: int,
        indicated: Sequence[int] = (),
        outliers: str = "none",
        flagged: Sequence[int] = (),
        neighbours: Mapping[str, int] | None = None,
        num_points: int = 0,
        logarithmic: bool = False,
    ) -> None:
        super().__init__()
        self.num_columns, self.indicated, self.flagged = num_columns, tuple(indicated), tuple(flagged)
        self.outliers, self.num_points, self.logarithmic = outliers, num_points, logarithmic
        self.register_buffer("places", torch.tensor(self.indicated, dtype=torch.int64), persistent=False)
        self.register_buffer("flag_places", torch.tensor(self.flagged, dtype=torch.int64), persistent=False)
        self.register_buffer("fill", torch.zeros(num_columns))
        self.register_buffer("center", torch.zeros(num_columns))
        self.register_buffer("scale", torch.ones(num_columns))
        if outliers != "none":
            self.register_buffer("low", torch.full((num_columns,), -torch.inf))
            self.register_buffer("high", torch.full((num_columns,), torch.inf))
        self.neighbours = None if neighbours is None else Neighbours(num_columns=num_columns, **neighbours)
        self.curves = Curves(num_columns=num_columns, num_points=num_points) if num_points else None

    @property
    def num_outputs(self) -> int:
        """Width of the result."""
        return self.num_columns + len(self.indicated) + len(self.flagged)

    def plan(self) -> dict[str, Any]:
        """What `__init__` takes, as plain JSON values."""
        near = self.neighbours
        return {
            "num_columns": self.num_columns,
            "indicated": list(self.indicated),
            "outliers": self.outliers,
            "flagged": list(self.flagged),
            "neighbours": None if near is None else {"num_rows": len(near.rows), "count": near.count},
            "num_points": self.num_points,
            "logarithmic": self.logarithmic,
        }

    def forward(self, numbers: Tensor, *, missing: Tensor | None = None) -> Tensor:
        """Raw numbers [..., F] with NaN for missing to finite numbers [..., num_outputs].

        `missing` is what the indicators say, where gaps have been filled before.
        """
        outside = None
        if self.outliers in ("flag", "null"):
            outside = (numbers < self.low) | (numbers > self.high)
        if self.outliers == "null" and outside is not None:
            numbers = numbers.masked_fill(outside, torch.nan)
            missing = torch.isnan(numbers) if missing is None else missing | outside
        parts = [self.scaled(self.filled(numbers))]
        if self.indicated:
            gone = torch.isnan(numbers) if missing is None else missing
            parts.append(gone.index_select(-1, self.places).to(numbers.dtype))
        if self.flagged and outside is not None:
            parts.append(outside.index_select(-1, self.flag_places).to(numbers.dtype))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def filled(self, numbers: Tensor) -> Tensor:
        """Numbers without gaps, clipped where they are to be."""
        if self.neighbours is not None:
            numbers = self.neighbours(numbers)
        filled = torch.where(torch.isnan(numbers), self.fill, numbers)
        return torch.clamp(filled, self.low, self.high) if self.outliers == "clip" else filled

    def scaled(self, filled: Tensor) -> Tensor:
        """Numbers on one scale."""
        if self.curves is not None:
            return self.curves(filled)  # type: ignore[no-any-return]
        values = torch.sign(filled) * torch.log1p(filled.abs()) if self.logarithmic else filled
        return (values - self.center) * self.scale


class Neighbours(nn.Module):
    """Fills gaps by the mean of the nearest training rows that know the column (Troyanskaya et al. 2001).

    Distances are Euclidean over the columns that both rows know, scaled by `spread`, and stretched to all columns.
    """

    rows: Tensor
    known: Tensor
    center: Tensor
    spread: Tensor

    def __init__(self, *, num_columns: int, num_rows: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("rows", torch.zeros(num_rows, num_columns))
        self.register_buffer("known", torch.zeros(num_rows, num_columns))
        self.register_buffer("center", torch.zeros(num_columns))
        self.register_buffer("spread", torch.ones(num_columns))

    def forward(self, numbers: Tensor) -> Tensor:
        """Numbers [..., F] with NaN for missing to such where only what no neighbour knows is NaN."""
        flat = numbers.reshape(-1, numbers.shape[-1]).clone()
        gaps = torch.isnan(flat).any(dim=1).nonzero()[:, 0]
        for chunk in torch.split(gaps, _ROWS_AT_ONCE):
            flat[chunk] = self._filled(flat[chunk])
        return flat.reshape(numbers.shape)

    def _filled(self, raw: Tensor) -> Tensor:
        known = (~torch.isnan(raw)).to(raw.dtype)
        scaled = ((raw - self.center) / self.spread).nan_to_num(0.0) * known
        apart = scaled.square() @ self.known.T - 2 * scaled @ self.rows.T + known @ self.rows.square().T
        shared = known @ self.known.T
        apart = (apart.clamp(min=0) / shared.clamp(min=1)).masked_fill(shared == 0, torch.inf)
        values = self.rows * self.spread + self.center
        result = raw.clone()
        for place in torch.isnan(raw).any(dim=0).nonzero()[:, 0].tolist():
            those = apart.masked_fill(self.known[:, place] == 0, torch.inf)
            near, chosen = those.topk(min(self.count, those.shape[1]), dim=1, largest=False)
            counts = torch.isfinite(near).to(raw.dtype)
            mean = (values[:, place][chosen] * counts).sum(1) / counts.sum(1)  # NaN where nobody knows
            result[:, place] = torch.where(torch.isnan(raw[:, place]), mean, raw[:, place])
        return result


class Curves(nn.Module):
    """A rising line of straight pieces per column: from the quantiles of the training rows to those of a normal."""

    inputs: Tensor
    outputs: Tensor

    def __init__(self, *, num_columns: int, num_points: int) -> None:
        super().__init__()
        self.register_buffer("inputs", torch.zeros(num_columns, num_points))
        self.register_buffer("outputs", torch.zeros(num_columns, num_points))

    def forward(self, numbers: Tensor) -> Tensor:
        """Numbers [..., F] to such [..., F]; beyond the ends the line is level."""
        columns = numbers.reshape(-1, numbers.shape[-1]).T.contiguous()
        last = self.inputs.shape[1] - 1
        right = torch.searchsorted(self.inputs, columns, right=True).clamp(1, last)
        before, after = self.inputs.gather(1, right - 1), self.inputs.gather(1, right)
        low, high = self.outputs.gather(1, right - 1), self.outputs.gather(1, right)
        share = ((columns - before) / (after - before)).nan_to_num(1.0).clamp(0, 1)
        return (low + share * (high - low)).T.reshape(numbers.shape)


class Smoothing(nn.Module):
    """Mean or median of every step and those before it, as far as the window has them; gaps stay gaps."""

    def __init__(self, *, how: str, steps: int) -> None:
        super().__init__()
        self.how, self.steps = how, steps

    def forward(self, series: Tensor) -> Tensor:
        """Windows [N, T, F] with NaN for missing to the same, smoothed."""
        before = series.new_full((len(series), self.steps - 1, series.shape[2]), torch.nan)
        seen = torch.cat([before, series], dim=1).unfold(1, self.steps, 1)
        smooth = seen.nanmean(-1) if self.how == "moving_average" else seen.nanquantile(0.5, dim=-1)
        return torch.where(torch.isnan(series), series, smooth)


def carried(series: Tensor) -> Tensor:
    """Windows [N, T, F] with every gap filled by the last step before it that is known, as far as there is one."""
    steps = torch.arange(series.shape[1], device=series.device)[None, :, None]
    latest = torch.where(torch.isnan(series), 0, steps).cummax(dim=1).values
    return series.gather(1, latest)
