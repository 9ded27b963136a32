"""Lion: the sign of an interpolated momentum (Chen et al. 2023, arXiv 2302.06675, algorithm 2)."""

from __future__ import annotations

import torch
from torch import optim

from worker.training.optimizers.groups import Groups


class Lion(optim.Optimizer):
    """Every weight moves by the rate, up or down; one momentum is all its state."""

    def __init__(self, groups: Groups, *, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"lr": 1e-4, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, _closure: None = None) -> None:  # type: ignore[override]
        """c = b1 m + (1 - b1) g; w -= rate (sign c + decay w); m = b2 m + (1 - b2) g."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            gradients = [weight.grad for weight in weights]
            moments = [self._moment(weight) for weight in weights]
            (near, far), rate = group["betas"], group["lr"]
            directions = torch._foreach_mul(moments, near)  # noqa: SLF001
            torch._foreach_add_(directions, gradients, alpha=1 - near)
            torch._foreach_sign_(directions)
            if decay := group["weight_decay"]:
                torch._foreach_mul_(weights, 1 - rate * decay)
            torch._foreach_add_(weights, directions, alpha=-rate)
            torch._foreach_lerp_(moments, gradients, 1 - far)

    def _moment(self, weight: torch.Tensor) -> torch.Tensor:
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        moment: torch.Tensor = state["momentum"]
        return moment
