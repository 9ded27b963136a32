"""SGD whose weight decay is beside the step."""

from __future__ import annotations

import inspect

import torch
from torch import optim

from worker.training.optimizers.groups import Groups


class DecoupledSGD(optim.SGD):
    """SGD whose weight decay shrinks the weights beside the step, not through momentum (SGDW, arXiv 1711.05101)."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Shrink the weights by rate times decay, then take the step."""
        for group in self.param_groups:
            if decay := group["decoupled_weight_decay"]:
                torch._foreach_mul_(group["params"], 1 - group["lr"] * decay)
        inspect.unwrap(optim.SGD.step)(self, closure)  # undecorated, as `bare` says


def decoupled(groups: Groups) -> Groups:
    """The groups with their weight decay out of the sight of PyTorch's SGD, which would add it to the gradient."""
    return [{**group, "weight_decay": 0.0, "decoupled_weight_decay": group["weight_decay"]} for group in groups]
