"""The step of an optimizer as one kernel over all weights, without what `torch.optim` does around it on every call.

That bookkeeping takes 70 us, as long as the forward pass of a small network. State and results are those of the
optimizer itself, bit for bit, so that it can be saved, loaded and swapped for any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, optim

from worker.training.optimizers import DecoupledSGD, bare

Kernel = Callable[[optim.Optimizer, dict[str, Any], list[Tensor], list[Tensor]], None]


def _adam(kernel: Callable[..., None]) -> Kernel:
    def step(optimizer: optim.Optimizer, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor]) -> None:
        states = [optimizer.state[weight] for weight in weights]
        counts = [state["step"] for state in states]
        skip = getattr(optimizer, "found_inf", None)
        torch._foreach_add_(counts, 1)
        kernel(
            weights,
            gradients,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            counts,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
            found_inf=skip,
        )
        if skip is not None:
            torch._foreach_sub_(counts, [skip] * len(counts))

    return step


def _sgd(optimizer: optim.Optimizer, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor]) -> None:
    skip = getattr(optimizer, "found_inf", None)
    if decay := group["decoupled_weight_decay"]:
        kept = 1 - group["lr"] * decay
        torch._foreach_mul_(weights, kept if skip is None else torch.where(skip > 0, 1.0, kept))
    moments = [optimizer.state[weight]["momentum_buffer"] for weight in weights] if group["momentum"] else []
    torch._fused_sgd_(
        weights,
        gradients,
        moments,
        weight_decay=0.0,
        momentum=group["momentum"],
        lr=group["lr"],
        dampening=group["dampening"],
        nesterov=group["nesterov"],
        maximize=False,
        is_first_step=False,
        found_inf=skip,
    )


KERNELS: Mapping[type[optim.Optimizer], Kernel] = {
    optim.Adam: _adam(torch._fused_adam_),
    optim.AdamW: _adam(torch._fused_adamw_),
    DecoupledSGD: _sgd,
}


def step(optimizer: optim.Optimizer) -> None:
    """Take a step of an optimizer: the short way where there is one, its own way the first time, to set up state."""
    kernel = KERNELS.get(type(optimizer)) if optimizer.defaults.get("fused") else None
    if kernel is None or not optimizer.state:
        bare.step(optimizer)
        return
    with torch.no_grad():
        for group in optimizer.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            kernel(optimizer, group, weights, [weight.grad for weight in weights])
