"""Muon: momentum made orthogonal, for the hidden matrices of a network (Jordan et al. 2024); AdamW for the rest.

`torch.optim.Muon` takes matrices alone. Here filters of convolutions are matrices of one row per output channel, and
biases, norms, embeddings and the first and last layer have AdamW, in one optimizer with one state. The length of a step
is matched to AdamW's (Liu et al. 2025, arXiv 2502.16982), so that one learning rate serves both.
"""

from __future__ import annotations

import math
from typing import Any, Final

import torch
from torch import Tensor, nn, optim
from torch.nn.modules.conv import _ConvNd
from torch.optim.adamw import adamw

from models.spec import optimizer as specs
from worker.training.errors import TrainingError
from worker.training.optimizers.groups import Groups, filled, matrices, others

#: Coefficients of the quintic iteration of Newton and Schulz, and how often it is run.
QUINTIC: Final = (3.4445, -4.7750, 2.0315)
NUM_ITERATIONS: Final = 5
RMS_OF_ADAMW: Final = 0.2


class Muon(optim.Optimizer):
    """Groups with `orthogonal` set are moved along their orthogonal momentum, all others as by AdamW."""

    def __init__(
        self, groups: Groups, *, momentum: float, nesterov: bool, betas: tuple[float, float], eps: float
    ) -> None:
        defaults = {"momentum": momentum, "nesterov": nesterov, "betas": betas, "eps": eps, "orthogonal": False}
        super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.0, **defaults})

    @torch.no_grad()
    def step(self, _closure: None = None) -> None:  # type: ignore[override]
        """One step of every group."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if group["orthogonal"]:
                for weight in weights:
                    self._move(weight, group)
            else:
                self._move_as_adamw(weights, group)

    def _move(self, weight: nn.Parameter, group: dict[str, Any]) -> None:
        state, gradient = self.state[weight], weight.grad
        assert gradient is not None  # noqa: S101  `step` chose them
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"]
        momentum.lerp_(gradient, 1 - group["momentum"])
        direction = gradient.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
        matrix = direction.reshape(len(direction), -1)
        rate = group["lr"]
        weight.mul_(1 - rate * group["weight_decay"])
        length = rate * RMS_OF_ADAMW * math.sqrt(max(matrix.shape))
        weight.add_(orthogonalized(matrix).reshape(weight.shape), alpha=-length)

    def _move_as_adamw(self, weights: list[nn.Parameter], group: dict[str, Any]) -> None:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight] = {
                    # under the name of "step" it would come back from a checkpoint on the CPU, where no kernel finds it
                    "num_steps": torch.zeros((), dtype=torch.float32, device=weight.device),
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                }
        states = [self.state[weight] for weight in weights]
        adamw(
            list(weights),
            [weight.grad for weight in weights if weight.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["num_steps"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def orthogonalized(matrix: Tensor) -> Tensor:
    """The nearest orthogonal matrix, roughly: singular values between about 0.7 and 1.2 (five quintic iterations)."""
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    near = (matrix.T if tall else matrix).bfloat16()
    near = near / near.norm().clamp(min=1e-7)
    for _ in range(NUM_ITERATIONS):
        gram = near @ near.T
        near = torch.addmm(near, torch.addmm(gram, gram, gram, beta=b, alpha=c), near, beta=a)
    return near.T if tall else near


def divided(spec: specs.Muon, network: nn.Module) -> Groups:
    """The hidden matrices, the other matrices, and the rest. Raises TrainingError where nothing is hidden."""
    hidden = _hidden(network)
    if not hidden:
        message = "Muon moves hidden matrices, and this network has none between its first and its last layer."
        raise TrainingError("nothing_for_muon", message, param="#/optimizer/type")
    known = {id(weight) for weight in hidden}
    outer = [weight for weight in matrices(network) if id(weight) not in known] if spec.weight_decay else []
    return (
        filled(hidden, spec=spec, weight_decay=spec.weight_decay, orthogonal=True)
        + filled(outer, spec=spec, weight_decay=spec.weight_decay)
        + filled(others(network, hidden + outer), spec=spec, weight_decay=0.0)
    )


def _hidden(network: nn.Module) -> list[nn.Parameter]:
    """Matrices of linear, recurrent and attention layers and filters of convolutions, but for the first and last."""
    layers = (nn.Linear, _ConvNd, nn.RNNBase, nn.MultiheadAttention)
    layered = {
        id(weight)
        for module in network.modules()
        if isinstance(module, layers)
        for weight in module.parameters(recurse=False)
    }
    return [weight for weight in matrices(network)[1:-1] if id(weight) in layered]
