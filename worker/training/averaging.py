"""The exponential moving average of the weights: smoother than the last of them, and often better (Polyak 1992)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor, nn

from models.spec.regularization import Ema
from worker.training.checkpoint.snapshot import Tensors
from worker.training.plan import Plan

BATCH_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Average:
    """The running mean of a network's weights and of what its batch norms have measured.

    Early in a run the mean is of few steps: in the n-th its decay is at most (1 + n) / (10 + n), so that the initial
    weights are soon forgotten. What is validated, kept as the best and returned are the averaged weights.
    """

    def __init__(self, spec: Ema, model: nn.Module, plan: Plan) -> None:
        self.decay = spec.decay if spec.half_life is None else 0.5 ** (1 / max(1, plan.num_steps(spec.half_life)))
        self._model = model
        self._live = _averaged(model)
        self._means = {name: tensor.detach().clone() for name, tensor in self._live.items()}

    def take_in(self, *, num_steps: int) -> None:
        """Move the mean towards the weights after that many optimizer steps."""
        decay = min(self.decay or 0.0, (1 + num_steps) / (10 + num_steps))
        with torch.no_grad():
            torch._foreach_lerp_(list(self._means.values()), list(self._live.values()), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the network compute with the averaged weights."""
        raw = {name: tensor.detach().clone() for name, tensor in self._live.items()}
        self._put(self._means)
        try:
            yield
        finally:
            self._put(raw)

    def weights(self) -> Tensors:
        """The model's state with the mean where there is one; no copies."""
        return self._model.state_dict() | self._means

    def raw(self) -> Tensors:
        """The weights that training goes on with, where they are not those of `weights`; no copies."""
        return dict(self._live)

    def restore(self, *, weights: Tensors, raw: Tensors) -> None:
        """Go on from what `weights` and `raw` gave."""
        with torch.no_grad():
            for name, mean in self._means.items():
                mean.copy_(weights[name])
        self._put(raw)

    def _put(self, tensors: Tensors) -> None:
        with torch.no_grad():
            for name, tensor in self._live.items():
                tensor.copy_(tensors[name])


def _averaged(model: nn.Module) -> dict[str, Tensor]:
    """By the names of the model's state: weights that are trained, and the statistics of batch norms."""
    norms = [module for module in model.modules() if isinstance(module, BATCH_NORMS)]
    measured = {id(tensor) for norm in norms for tensor in (norm.running_mean, norm.running_var) if tensor is not None}
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    return trained | {name: tensor for name, tensor in model.named_buffers() if id(tensor) in measured}
