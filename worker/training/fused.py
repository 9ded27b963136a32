"""The step of an optimizer as one kernel over all weights, without what `torch.optim` does around it on every call.

That bookkeeping takes 70 us, as long as the forward pass of a small network. State and results are those of the
optimizer itself, bit for bit, so that it can be saved, loaded and swapped for any other.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, optim

from worker.training.optimizers import DecoupledSGD, bare

Group = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """The weights of a group that have gradients, and what `state`, that of the optimizer, holds for each of them.

    `counts` are those of steps, side by side: the state holds views of them, so that one sum counts them all.
    """

    weights: list[Tensor]
    state: Mapping[Tensor, Mapping[str, Any]]
    kept: Mapping[str, list[Tensor]]
    counts: Tensor

    @classmethod
    def of(cls, weights: list[Tensor], state: Mapping[Tensor, dict[str, Any]], names: tuple[str, ...]) -> _Place:
        states = [state[weight] for weight in weights]
        counts = torch.empty(0)
        if "step" in names:
            counts = torch.stack([one["step"] for one in states])
            for one, count in zip(states, counts.unbind(), strict=True):
                one["step"] = count
        return cls(weights, state, {name: [one[name] for one in states] for name in names}, counts)

    def is_for(self, weights: list[Tensor], state: Mapping[Tensor, Any]) -> bool:
        """Whether nothing has changed; loading a state puts another in the place of the one before."""
        same = len(weights) == len(self.weights) and all(map(operator.is_, weights, self.weights))
        return same and state is self.state


#: What the state holds for each weight, by the group's settings, and what takes the step.
Names = Callable[[Group], tuple[str, ...]]
Kernel = Callable[[Group, _Place, list[Tensor], Tensor | None], None]


def _adam(kernel: Callable[..., None]) -> Kernel:
    def step(group: Group, place: _Place, gradients: list[Tensor], skip: Tensor | None) -> None:
        place.counts.add_(1)
        kernel(
            place.weights,
            gradients,
            place.kept["exp_avg"],
            place.kept["exp_avg_sq"],
            [],
            place.kept["step"],
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
            place.counts.sub_(skip)

    return step


def _sgd(group: Group, place: _Place, gradients: list[Tensor], skip: Tensor | None) -> None:
    if decay := group["decoupled_weight_decay"]:
        kept = 1 - group["lr"] * decay
        torch._foreach_mul_(place.weights, kept if skip is None else torch.where(skip > 0, 1.0, kept))
    torch._fused_sgd_(
        place.weights,
        gradients,
        place.kept.get("momentum_buffer", []),
        weight_decay=0.0,
        momentum=group["momentum"],
        lr=group["lr"],
        dampening=group["dampening"],
        nesterov=group["nesterov"],
        maximize=False,
        is_first_step=False,
        found_inf=skip,
    )


def _of_adam(_group: Group) -> tuple[str, ...]:
    return ("exp_avg", "exp_avg_sq", "step")


def _of_sgd(group: Group) -> tuple[str, ...]:
    return ("momentum_buffer",) if group["momentum"] else ()


KERNELS: Mapping[type[optim.Optimizer], tuple[Names, Kernel]] = {
    optim.Adam: (_of_adam, _adam(torch._fused_adam_)),
    optim.AdamW: (_of_adam, _adam(torch._fused_adamw_)),
    DecoupledSGD: (_of_sgd, _sgd),
}


class Step:
    """Steps of one optimizer: the short way where there is one, its own way the first time, to set up its state."""

    def __init__(self, optimizer: optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._short = KERNELS.get(type(optimizer)) if optimizer.defaults.get("fused") else None
        self._places: dict[int, _Place] = {}

    def __call__(self) -> None:
        """Take a step along the gradients that the weights have."""
        optimizer = self._optimizer
        if self._short is None or not optimizer.state:
            bare.step(optimizer)
            return
        names, kernel = self._short
        skip = getattr(optimizer, "found_inf", None)
        with torch.no_grad():
            for number, group in enumerate(optimizer.param_groups):
                weights = [weight for weight in group["params"] if weight.grad is not None]
                if not weights:
                    continue
                place = self._places.get(number)
                if place is None or not place.is_for(weights, optimizer.state):
                    place = self._places[number] = _Place.of(weights, optimizer.state, names(group))
                kernel(group, place, [weight.grad for weight in weights], skip)
