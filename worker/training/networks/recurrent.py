"""Recurrent networks: read a window step by step, and answer from the state they end in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.inputs import Batch

CELLS: Mapping[type[specs.Recurrent], Callable[..., nn.RNNBase]] = {
    specs.Rnn: nn.RNN,
    specs.Lstm: nn.LSTM,
    specs.Gru: nn.GRU,
}


class Recurrent(nn.Module):
    """A stack of recurrent layers, read in one direction or both, and a linear head."""

    def __init__(self, spec: specs.Recurrent, signature: Signature) -> None:
        super().__init__()
        if signature.series is None:
            raise ValueError("a recurrent network reads series")
        self.num_directions = 2 if spec.bidirectional else 1
        self.layers = CELLS[type(spec)](
            signature.series[1],
            spec.hidden_size,
            num_layers=spec.num_layers,
            batch_first=True,
            dropout=spec.dropout if spec.num_layers > 1 else 0.0,
            bidirectional=spec.bidirectional,
        )
        self.dropout = nn.Dropout(spec.dropout)
        self.head = nn.Linear(spec.hidden_size * self.num_directions, signature.num_outputs)

    def forward(self, batch: Batch) -> Tensor:
        """ "series" [N, T, F] to outputs [N, num_outputs]."""
        _, state = self.layers(batch["series"])
        last = state[0] if isinstance(state, tuple) else state
        ends = torch.cat(tuple(last[-self.num_directions :]), dim=1)
        outputs: Tensor = self.head(self.dropout(ends))
        return outputs
