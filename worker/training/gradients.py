"""What happens to a gradient before it becomes a step: it is measured, refused when it is not finite, and bounded."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn, optim

from models.spec.regularization import GradientClip, Regularization
from worker.training.errors import Diverged
from worker.training.optimizers import matrices


def gradient_norm(gradients: list[Tensor]) -> Tensor:
    """The Euclidean length of all gradients together, a scalar on their device."""
    lengths = torch._foreach_norm(gradients)  # noqa: SLF001 - one kernel for all
    norm: Tensor = torch.linalg.vector_norm(torch.stack(lengths))
    return norm


def refuse_poison(norm: Tensor, *, step: int, optimizer: optim.Optimizer) -> None:
    """Keep a gradient that is not finite away from the weights.

    On the CPU reading the norm is free: raises Diverged. On a GPU asking would stall every step, so fused optimizers
    are told on the device to skip the step, and the recorder raises Diverged when it reads the norms.
    """
    if norm.device.type == "cpu" or not optimizer.defaults.get("fused"):
        if not math.isfinite(norm.item()):
            raise Diverged(step=step, what="gradient")
    else:
        optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]


def clip(gradients: list[Tensor], norm: Tensor, bound: GradientClip | None) -> None:
    """Bound the gradients in place: all by one factor (Pascanu et al. 2013), or each entry by itself."""
    if bound is None:
        return
    if bound.value is not None:
        torch._foreach_clamp_min_(gradients, -bound.value)
        torch._foreach_clamp_max_(gradients, bound.value)
    elif bound.norm is not None and norm.device.type != "cpu":
        torch._foreach_mul_(gradients, (bound.norm / norm).clamp(max=1.0))
    elif bound.norm is not None and (length := norm.item()) > bound.norm:
        torch._foreach_mul_(gradients, bound.norm / length)


class Penalty:
    """l1 * sum |w| + l2 / 2 * sum w^2 over the matrices: terms of the loss, felt by the optimizer like any gradient."""

    def __init__(self, spec: Regularization, network: nn.Module) -> None:
        self._l1 = spec.l1
        self._l2 = spec.l2
        self._weights = matrices(network) if spec.l1 or spec.l2 else []

    def added_to(self, loss: Tensor) -> Tensor:
        """The loss with the penalty."""
        if self._l1:
            loss = loss + self._l1 * sum(weight.abs().sum() for weight in self._weights)
        if self._l2:
            loss = loss + self._l2 / 2 * sum(weight.square().sum() for weight in self._weights)
        return loss
