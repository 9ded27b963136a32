"""The multilayer perceptron: reads tables, images, windows and texts alike, as flat vectors."""

from __future__ import annotations

from torch import Tensor, nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.blocks import dense
from worker.training.networks.inputs import Batch, flat_input


class Mlp(nn.Module):
    """Input, hidden layers, and a linear head."""

    def __init__(self, spec: specs.Mlp, signature: Signature) -> None:
        super().__init__()
        self.input = flat_input(signature, embedding_dim=spec.embedding_dim)
        layers, width = dense(
            self.input.width,
            spec.hidden,
            activation=spec.activation,
            norm=spec.norm,
            dropout=spec.dropout,
            skip=spec.skip,
        )
        self.layers = nn.Sequential(*layers, nn.Linear(width, signature.num_outputs))

    def forward(self, batch: Batch) -> Tensor:
        """A batch to outputs [N, num_outputs]."""
        outputs: Tensor = self.layers(self.input(batch))
        return outputs
