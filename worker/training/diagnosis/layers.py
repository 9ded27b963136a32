"""How large the weights of each layer are, their gradients, and what one step changes them by."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from worker.training.diagnosis.figures import Layer
from worker.training.optimizers import matrices

_MOST_LAYERS: Final = 64


class LayerProbe:
    """Measures the matrices of a network around one step; of more than 64, some evenly spread."""

    def __init__(self, network: nn.Module) -> None:
        chosen = {id(matrix) for matrix in matrices(network)}
        named = [(name, one) for name, one in network.named_parameters() if id(one) in chosen and one.requires_grad]
        every = -(-len(named) // _MOST_LAYERS) or 1
        self._names = [name for name, _ in named[::every]]
        self._weights = [one for _, one in named[::every]]
        self._before: list[Tensor] = []
        self._lengths: list[Tensor] = []

    def see_gradients(self) -> None:
        """Measure weights and gradients before they are used up, and remember the weights. Reads nothing."""
        if not self._weights:
            return
        self._before = [one.detach().clone() for one in self._weights]
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in self._weights]
        self._lengths = [*torch._foreach_norm(self._before), *torch._foreach_norm(gradients)]  # noqa: SLF001

    def see_weights(self) -> list[Layer]:
        """What the step has come to; empty where no gradients were seen before. Reads the device once."""
        if not self._lengths:
            return []
        changes = torch._foreach_sub([one.detach() for one in self._weights], self._before)  # noqa: SLF001
        lengths = torch.stack([*self._lengths, *torch._foreach_norm(changes)])  # noqa: SLF001
        self._before, self._lengths = [], []
        sizes = torch.tensor([one.numel() for one in self._weights], dtype=torch.float64).sqrt()
        weights, gradients, updates = (lengths.double().cpu().reshape(3, -1) / sizes).tolist()
        columns = zip(self._names, weights, gradients, updates, strict=True)
        return [Layer(name, weight, gradient, update) for name, weight, gradient, update in columns]
