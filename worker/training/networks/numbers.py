"""Piecewise-linear embeddings of numbers (Gorishniy et al. 2022): a number as how far it reaches into each bin."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


class PiecewiseLinear(nn.Module):
    """Numbers [N, F] to embeddings [N, F, width].

    The bins of a column are between quantiles of the training rows, see `_edges`. Below a number's own bin every bin
    counts 1, above it 0, and its own by how far the number is into it; the outermost ones go on beyond the ends. A
    linear map of this code is a piecewise-linear function of the number. It starts at 0, beside a linear function that
    starts random, so that training begins with the simple one.
    """

    slope: Tensor
    offset: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, num_columns: int, *, bins: int, width: int) -> None:
        super().__init__()
        for name in ("slope", "offset", "low", "high"):
            self.register_buffer(name, torch.zeros(num_columns, bins))
        bound = width**-0.5
        self.weight = nn.Parameter(torch.zeros(num_columns, bins, width))
        self.linear = nn.Parameter(nn.init.uniform_(torch.empty(num_columns, width), -bound, bound))
        self.bias = nn.Parameter(nn.init.uniform_(torch.empty(num_columns, width), -bound, bound))

    def fit(self, numbers: Tensor) -> None:
        """Measure the bins on the numbers of training rows [N, F]."""
        columns = numbers.detach().double().cpu().numpy()
        bins = self.slope.shape[1]
        buffers = np.zeros((4, *self.slope.shape))
        for place, column in enumerate(columns.T):
            buffers[:, place] = _coded(_edges(column, bins), bins)
        for buffer, values in zip((self.slope, self.offset, self.low, self.high), buffers, strict=True):
            buffer.copy_(torch.from_numpy(values))

    def codes(self, numbers: Tensor) -> Tensor:
        """How far each number reaches into each of its bins, [N, F] to [N, F, bins]."""
        return torch.addcmul(self.offset, self.slope, numbers[:, :, None]).clamp(self.low, self.high)

    def forward(self, numbers: Tensor) -> Tensor:
        """[N, F] to [N, F, width]."""
        curved = torch.einsum("nfb,fbd->nfd", self.codes(numbers), self.weight)
        return curved + torch.addcmul(self.bias, self.linear, numbers[:, :, None])


def _edges(column: np.ndarray, bins: int) -> np.ndarray:
    """At most bins + 1 distinct edges: all values where they are few, else quantiles.

    A row's weight is shared equally between its being a row and its value being one of the distinct values. So a
    column that is mostly zero still has half of its bins for what is not, and where all values differ nothing changes.
    """
    distinct, counts = np.unique(column, return_counts=True)
    if len(distinct) <= bins + 1:
        return distinct
    weights = counts / len(column) + 1 / len(distinct)
    reached = np.cumsum(weights) / weights.sum()
    places = np.searchsorted(reached, np.linspace(0, 1, bins + 1) - 1e-9)
    edges: np.ndarray = distinct[np.unique(np.minimum(places, len(distinct) - 1))]
    return edges


def _coded(edges: np.ndarray, bins: int) -> tuple[np.ndarray, ...]:
    """Slope, offset and bounds [bins] of the bins between distinct edges; those that are left over stay 0."""
    slope, offset, low, high = np.zeros((4, bins))
    num, far = len(edges) - 1, float(np.finfo(np.float32).max)
    if num:
        slope[:num] = 1 / np.diff(edges)
        offset[:num] = -edges[:-1] * slope[:num]
        high[:num] = 1.0
        low[0], high[num - 1] = -far, far
    return slope, offset, low, high
