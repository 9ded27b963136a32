"""Everything a run needs to go on as if nothing had happened, taken out of the run at one step boundary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, optim

from worker.training.optimizers import Lbfgs

Tensors = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Tensors on the CPU and plain JSON values, shared with nothing. Hold a mapping of tensors whole: its memory is
    used again when nobody does (see `rooms`).

    `weights` are the model's, `optimizer` the optimizer's state as `<parameter>.<name>`; `best` holds the weights of
    the best epoch where these are not them; `golden` holds a few rows and what these weights answer to them (see
    `golden_rows`). `state` is `state.json`, and `facts` is what the manifest that it was read
    from says beside step, epoch and files.
    """

    step: int
    epoch: int
    weights: Tensors
    optimizer: Tensors
    state: Mapping[str, Any]
    best: Tensors = field(default_factory=dict)
    raw: Tensors = field(default_factory=dict)
    golden: Tensors = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether training can go on from here; without the optimizer's state it is enough to predict only."""
        return bool(self.state["is_complete"])

    @property
    def scores(self) -> dict[str, float]:
        """The validation scores at that moment."""
        return dict(self.state["scores"])

    def without_optimizer(self) -> Snapshot:
        """The part that is enough to predict with."""
        return replace(self, optimizer={}, raw={}, state={**self.state, "is_complete": False})

    def with_golden(self, rows: Tensors) -> Snapshot:
        """The same, carrying rows along that whoever loads it can check it by."""
        return replace(self, golden=rows)

    def with_best(self, weights: Tensors) -> Snapshot:
        """The same, carrying the weights of the best epoch along."""
        return replace(self, best=weights)


def _laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    """A saved moment in the memory format of its weight: fused optimizers walk both in the order of their memory."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor


def optimizer_tensors(optimizer: optim.Optimizer) -> Tensors:
    """The state of an optimizer as tensors named `<number of the parameter>.<name>`, or as it names them itself.

    They are those that it works on, not copies.
    """
    if isinstance(optimizer, Lbfgs):
        return optimizer.tensors()
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put saved state back. Rates, decay and the like come from the spec, not from the checkpoint."""
    if isinstance(optimizer, Lbfgs):
        optimizer.restore(tensors)
        return
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = _laid_out_as(parameters[int(number)], tensor)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
