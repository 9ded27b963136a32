"""What networks over sequences share: vectors step by step, which steps are valid, and one vector made of them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from worker.training.data import Signature
from worker.training.networks.inputs import PADDING, Batch

#: Steps [N, T, width], and which of them are valid, bool [N, T], or None where all are.
Steps = tuple[Tensor, Tensor | None]


class SeriesInput(nn.Module):
    """The rows of a window, as they are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, batch: Batch) -> Steps:
        """ "series" [N, T, F] to its steps, all valid."""
        return batch["series"], None


class TokenInput(nn.Module):
    """The vectors of a text's tokens. The first step of an empty text counts as valid, so that there always is one."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.width = width

    def forward(self, batch: Batch) -> Steps:
        """ "tokens" [N, T] to their vectors [N, T, width], and which are no padding."""
        tokens = batch["tokens"]
        valid = tokens != PADDING
        valid[:, 0] = True
        return self.embedding(tokens), valid


def sequence_input(signature: Signature, *, embedding_dim: int | None) -> SeriesInput | TokenInput:
    """The input stage of networks that read step by step; raises ValueError where there are no steps."""
    if signature.series is not None:
        return SeriesInput(signature.series[1])
    if signature.text is not None and embedding_dim is not None:
        return TokenInput(signature.text[1], embedding_dim)
    raise ValueError("a network over sequences reads series, or texts with an embedding_dim")


def last(states: Tensor, valid: Tensor | None) -> Tensor:
    """The state at the last valid step, [N, T, D] to [N, D]."""
    if valid is None:
        return states[:, -1]
    ends = valid.sum(1) - 1
    return states.gather(1, ends[:, None, None].expand(-1, 1, states.shape[2])).squeeze(1)


def mean(states: Tensor, valid: Tensor | None) -> Tensor:
    """The mean over valid steps, [N, T, D] to [N, D]."""
    if valid is None:
        return states.mean(1)
    return (states * valid[:, :, None]).sum(1) / valid.sum(1, keepdim=True)


def maximum(states: Tensor, valid: Tensor | None) -> Tensor:
    """The largest value of each channel over valid steps, [N, T, D] to [N, D]."""
    if valid is not None:
        states = states.masked_fill(~valid[:, :, None], -torch.inf)
    return states.amax(1)


#: By the name that the spec gives it. Valid steps come first, and there is at least one.
POOLINGS: Mapping[str, Callable[[Tensor, Tensor | None], Tensor]] = {"last": last, "mean": mean, "max": maximum}
