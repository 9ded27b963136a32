"""Texts [N, T] of tokens, 0 behind their end, with words left out."""

from __future__ import annotations

import torch
from torch import Tensor

from worker.training.networks.inputs import PADDING

UNKNOWN = 1


class TokenDropout:
    """Words become unknown, so that no word is needed alone."""

    def __init__(self, p: float) -> None:
        self._p = p

    def __call__(self, tokens: Tensor) -> Tensor:
        """The texts, as long as before."""
        dropped = torch.rand(tokens.shape, device=tokens.device) < self._p
        return torch.where(dropped & (tokens != PADDING), UNKNOWN, tokens)
