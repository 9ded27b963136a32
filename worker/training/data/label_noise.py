"""Training rows whose class looks wrong: hardly any of the most similar rows shares it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

#: Rows asked, and rows that may answer; beyond it, rows spread over all of them.
MAX_ROWS = 20_000
MAX_NAMED = 20
_CHUNK = 1024


def suspicious(
    inputs: Tensor, labels: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], *, neighbours: int
) -> dict[str, Any]:
    """How many of the rows have a class that most of their neighbours contradict, and the worst of them.

    A row is suspicious where more than half of the nearest other rows, by Euclidean distance over preprocessed inputs
    [N, columns], agree on one other class (Wilson's editing, 1972). `rows` says where each stood in the data, from 0.
    """
    chosen = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), MAX_ROWS)).astype(np.int64))
    points, known = inputs[torch.from_numpy(chosen)], torch.from_numpy(labels[chosen])
    count = min(neighbours, len(points) - 1)
    shares = np.zeros(len(points))
    for start in range(0, len(points), _CHUNK):
        part = points[start : start + _CHUNK]
        apart = torch.cdist(part, points)
        here = torch.arange(len(part))
        apart[here, here + start] = torch.inf
        votes = known[apart.topk(count, dim=1, largest=False).indices]
        winner = votes.mode(dim=1).values
        agreed = (votes == winner[:, None]).double().mean(1)
        against = winner != known[start : start + _CHUNK]
        shares[start : start + _CHUNK] = torch.where(against & (agreed > 0.5), agreed, 0).numpy()
    worst = np.argsort(-shares, kind="stable")[:MAX_NAMED]
    return {
        "rows_asked": len(points),
        "suspicious": int((shares > 0).sum()),
        "data_rows": [int(rows[chosen[place]]) + 1 for place in worst if shares[place] > 0],
    }
