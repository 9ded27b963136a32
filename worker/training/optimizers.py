"""How a gradient becomes a step, by the name that the spec gives it.

Adding one: a class in `models/spec/optimizer.py`, a builder and an entry here, a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn, optim

from models.spec import optimizer as specs

Groups = list[dict[str, Any]]


class DecoupledSGD(optim.SGD):
    """SGD whose weight decay shrinks the weights beside the step, not through momentum (SGDW, arXiv 1711.05101)."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Shrink the weights by rate times decay, then take the step."""
        for group in self.param_groups:
            if decay := group["decoupled_weight_decay"]:
                torch._foreach_mul_(group["params"], 1 - group["lr"] * decay)
        super().step(closure)


def sgd(spec: specs.Sgd, groups: Groups, fused: bool) -> optim.Optimizer:  # noqa: FBT001 - one signature for all
    """Plain, with momentum or with Nesterov's."""
    for group in groups:
        group["decoupled_weight_decay"] = group.pop("weight_decay", 0.0)
    return DecoupledSGD(groups, lr=spec.learning_rate, momentum=spec.momentum, nesterov=spec.nesterov, fused=fused)


def adam(spec: specs.Adam, groups: Groups, fused: bool) -> optim.Optimizer:  # noqa: FBT001
    """Adam."""
    return optim.Adam(groups, lr=spec.learning_rate, betas=spec.betas, eps=spec.eps, fused=fused)


def adamw(spec: specs.AdamW, groups: Groups, fused: bool) -> optim.Optimizer:  # noqa: FBT001
    """Adam with decoupled weight decay."""
    return optim.AdamW(groups, lr=spec.learning_rate, betas=spec.betas, eps=spec.eps, fused=fused)


def nadam(spec: specs.NAdam, groups: Groups, _fused: bool) -> optim.Optimizer:  # noqa: FBT001
    """Adam with Nesterov momentum."""
    return optim.NAdam(groups, lr=spec.learning_rate, betas=spec.betas, eps=spec.eps)


def radam(spec: specs.RAdam, groups: Groups, _fused: bool) -> optim.Optimizer:  # noqa: FBT001
    """Rectified Adam."""
    return optim.RAdam(groups, lr=spec.learning_rate, betas=spec.betas, eps=spec.eps)


def rmsprop(spec: specs.RmsProp, groups: Groups, _fused: bool) -> optim.Optimizer:  # noqa: FBT001
    """RMSprop."""
    return optim.RMSprop(groups, lr=spec.learning_rate, alpha=spec.alpha, eps=spec.eps, momentum=spec.momentum)


def adagrad(spec: specs.AdaGrad, groups: Groups, _fused: bool) -> optim.Optimizer:  # noqa: FBT001
    """AdaGrad."""
    return optim.Adagrad(groups, lr=spec.learning_rate, lr_decay=spec.learning_rate_decay, eps=spec.eps)


def adadelta(spec: specs.AdaDelta, groups: Groups, _fused: bool) -> optim.Optimizer:  # noqa: FBT001
    """AdaDelta."""
    return optim.Adadelta(groups, lr=spec.learning_rate, rho=spec.rho, eps=spec.eps)


OPTIMIZERS: Mapping[type, Callable[[Any, Groups, bool], optim.Optimizer]] = {
    specs.Sgd: sgd,
    specs.Adam: adam,
    specs.AdamW: adamw,
    specs.NAdam: nadam,
    specs.RAdam: radam,
    specs.RmsProp: rmsprop,
    specs.AdaGrad: adagrad,
    specs.AdaDelta: adadelta,
}

#: Whose step is one kernel over all weights (see `fused.py`), and can be called off on the device itself.
FUSED: Final = frozenset({specs.Sgd, specs.Adam, specs.AdamW})


def build(spec: specs.Optimizer, network: nn.Module) -> optim.Optimizer:
    """The optimizer of a network. Weight decay touches matrices alone: biases and norms have no reason to be small."""
    return OPTIMIZERS[type(spec)](spec, _groups(spec, network.parameters()), type(spec) in FUSED)


def matrices(parameters: Iterable[Tensor]) -> list[Tensor]:
    """The weights that penalties and weight decay apply to: every parameter with two dimensions or more."""
    return [parameter for parameter in parameters if parameter.ndim >= 2]


def _groups(spec: specs.Optimizer, parameters: Iterable[nn.Parameter]) -> Groups:
    every = list(parameters)
    decay = getattr(spec, "weight_decay", 0.0)
    if not decay:
        return [{"params": every, "weight_decay": 0.0}]
    groups: Groups = [
        {"params": matrices(every), "weight_decay": decay},
        {"params": [parameter for parameter in every if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
