"""Recurrent networks: read a sequence step by step, and answer from the states they were in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.inputs import Batch
from worker.training.networks.sequences import POOLINGS, last, sequence_input

CELLS: Mapping[type[specs.Recurrent], Callable[..., nn.RNNBase]] = {
    specs.Rnn: nn.RNN,
    specs.Lstm: nn.LSTM,
    specs.Gru: nn.GRU,
}


class BothWays(nn.Module):
    """Bidirectional layers over sequences of several lengths.

    The backward half reads each sequence from its last valid step on, wherever that is. Packed sequences would do the
    same, but lengths would have to leave the device in every step.
    """

    def __init__(self, cell: Callable[..., nn.RNNBase], width: int, size: int, *, depth: int, dropout: float) -> None:
        super().__init__()
        widths = [width] + [2 * size] * (depth - 1)
        self.forwards = nn.ModuleList(cell(width, size, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(cell(width, size, batch_first=True) for width in widths)
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps: Tensor, valid: Tensor) -> Tensor:
        """Steps [N, T, width] to the states of the last layer [N, T, 2 size]; those behind the end mean nothing."""
        places = torch.arange(steps.shape[1], device=steps.device)
        mirrored = torch.where(valid, valid.sum(1, keepdim=True) - 1 - places, places)[:, :, None]
        for number, (ahead, back) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            steps = self.dropout(steps) if number else steps
            first, _ = ahead(steps)
            second, _ = back(steps.gather(1, mirrored.expand_as(steps)))
            steps = torch.cat([first, second.gather(1, mirrored.expand_as(second))], dim=2)
        return steps


class Recurrent(nn.Module):
    """A stack of recurrent layers, read in one direction or both, and a linear head."""

    def __init__(self, spec: specs.Recurrent, signature: Signature) -> None:
        super().__init__()
        self.input = sequence_input(signature, embedding_dim=spec.embedding_dim)
        self.pooling = spec.pooling
        self.ahead = spec.hidden_size if spec.bidirectional else None
        cell = CELLS[type(spec)]
        between = spec.dropout if spec.num_layers > 1 else 0.0
        self.layers: nn.Module
        if spec.bidirectional and signature.text is not None:
            self.layers = BothWays(
                cell, self.input.width, spec.hidden_size, depth=spec.num_layers, dropout=spec.dropout
            )
        else:
            self.layers = cell(
                self.input.width,
                spec.hidden_size,
                num_layers=spec.num_layers,
                batch_first=True,
                dropout=between,
                bidirectional=spec.bidirectional,
            )
        self.dropout = nn.Dropout(spec.dropout)
        self.head = nn.Linear(spec.hidden_size * (2 if spec.bidirectional else 1), signature.num_outputs)

    def forward(self, batch: Batch) -> Tensor:
        """ "series" [N, T, F] or "tokens" [N, T] to outputs [N, num_outputs]."""
        steps, valid = self.input(batch)
        states = self.layers(steps, valid) if isinstance(self.layers, BothWays) else self.layers(steps)[0]
        outputs: Tensor = self.head(self.dropout(self._pooled(states, valid)))
        return outputs

    def _pooled(self, states: Tensor, valid: Tensor | None) -> Tensor:
        """What the head reads. The last state of the backward half is the one at the first step."""
        if self.pooling == "last" and self.ahead is not None:
            return torch.cat([last(states[:, :, : self.ahead], valid), states[:, 0, self.ahead :]], dim=1)
        return POOLINGS[self.pooling](states, valid)
