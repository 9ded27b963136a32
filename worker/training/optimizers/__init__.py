"""How a gradient becomes a step, by the name that the spec gives it.

Adding one: a class in `models/spec/optimizer.py`, a builder and an entry here, a test. Groups come with the parameters,
the rate and the weight decay of each; the rate is set anew before every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from torch import nn, optim

from models.spec import optimizer as specs
from worker.training.optimizers import bare
from worker.training.optimizers.groups import Groups, groups, matrices
from worker.training.optimizers.lbfgs import Lbfgs
from worker.training.optimizers.lion import Lion
from worker.training.optimizers.muon import Muon, divided
from worker.training.optimizers.sgd import DecoupledSGD, decoupled

__all__ = ["OPTIMIZERS", "DecoupledSGD", "Lbfgs", "Lion", "Muon", "bare", "build", "matrices"]


def sgd(spec: specs.Sgd, groups: Groups) -> optim.Optimizer:
    """Plain, with momentum or with Nesterov's."""
    return DecoupledSGD(
        decoupled(groups),
        momentum=spec.momentum,
        dampening=spec.dampening,
        nesterov=spec.nesterov,
        fused=True,
    )


def adam(spec: specs.Adam, groups: Groups) -> optim.Optimizer:
    """Adam."""
    return optim.Adam(groups, betas=spec.betas, eps=spec.eps, fused=True)


def adamw(spec: specs.AdamW, groups: Groups) -> optim.Optimizer:
    """Adam with decoupled weight decay."""
    return optim.AdamW(groups, betas=spec.betas, eps=spec.eps, fused=True)


def nadam(spec: specs.NAdam, groups: Groups) -> optim.Optimizer:
    """Adam with Nesterov momentum."""
    return optim.NAdam(groups, betas=spec.betas, eps=spec.eps)


def radam(spec: specs.RAdam, groups: Groups) -> optim.Optimizer:
    """Rectified Adam."""
    return optim.RAdam(groups, betas=spec.betas, eps=spec.eps)


def rmsprop(spec: specs.RmsProp, groups: Groups) -> optim.Optimizer:
    """RMSprop."""
    return optim.RMSprop(groups, alpha=spec.alpha, eps=spec.eps, momentum=spec.momentum)


def adagrad(spec: specs.AdaGrad, groups: Groups) -> optim.Optimizer:
    """AdaGrad."""
    return optim.Adagrad(groups, lr_decay=spec.learning_rate_decay, eps=spec.eps)


def adadelta(spec: specs.AdaDelta, groups: Groups) -> optim.Optimizer:
    """AdaDelta."""
    return optim.Adadelta(groups, rho=spec.rho, eps=spec.eps)


def lion(spec: specs.Lion, groups: Groups) -> optim.Optimizer:
    """Lion."""
    return Lion(groups, betas=spec.betas)


def muon(spec: specs.Muon, groups: Groups) -> optim.Optimizer:
    """Muon for the hidden matrices, AdamW for the rest."""
    return Muon(groups, momentum=spec.momentum, nesterov=spec.nesterov, betas=spec.betas, eps=spec.eps)


def lbfgs(spec: specs.Lbfgs, groups: Groups) -> optim.Optimizer:
    """L-BFGS."""
    return Lbfgs(
        [parameter for group in groups for parameter in group["params"]],
        max_iter=spec.max_iterations,
        history_size=spec.history_size,
        line_search_fn=None if spec.line_search == "none" else spec.line_search,
    )


OPTIMIZERS: Mapping[type, Callable[[Any, Groups], optim.Optimizer]] = {
    specs.Sgd: sgd,
    specs.Adam: adam,
    specs.AdamW: adamw,
    specs.NAdam: nadam,
    specs.RAdam: radam,
    specs.RmsProp: rmsprop,
    specs.AdaGrad: adagrad,
    specs.AdaDelta: adadelta,
    specs.Lion: lion,
    specs.Muon: muon,
    specs.Lbfgs: lbfgs,
}

#: How the parameters are divided where it is not by weight decay alone.
DIVISIONS: Final[Mapping[type, Callable[[Any, nn.Module], Groups]]] = {specs.Muon: divided}


def build(spec: specs.Optimizer, network: nn.Module) -> optim.Optimizer:
    """The optimizer of a network, for a resolved spec.

    Weight decay touches matrices alone: biases, norms and embeddings have no reason to be small. Raises TrainingError
    where the network has nothing that this optimizer is for.
    """
    return OPTIMIZERS[type(spec)](spec, DIVISIONS.get(type(spec), groups)(spec, network))
