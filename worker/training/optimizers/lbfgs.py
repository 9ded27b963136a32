"""L-BFGS: steps that know the curvature, from the last few gradients (Liu and Nocedal 1989). For full batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, optim

_NUMBERS: Final = {"func_evals": int, "n_iter": int, "t": float, "prev_loss": float}
_TENSORS: Final = ("d", "H_diag", "prev_flat_grad")
_LISTS: Final = ("old_dirs", "old_stps", "ro")


class Lbfgs(optim.LBFGS):
    """PyTorch's, whose state goes through a checkpoint as named tensors."""

    def move(self, loss: Tensor, again: Callable[[], Tensor]) -> None:
        """Take a step from where the gradients are there already and give this loss; `again` computes both anew.

        A step of length 0, as schedules that end there take last, is none: there is no line to search along.
        """
        if not self.param_groups[0]["lr"]:
            return
        known = [loss]

        def evaluated() -> Tensor:
            value = known.pop() if known else again()
            for weight in self._params:  # filters lie channels last, and PyTorch's reads gradients as flat rows
                if weight.grad is not None:
                    weight.grad = weight.grad.contiguous()
            return value

        self.step(evaluated)  # type: ignore[no-untyped-call]

    def tensors(self) -> dict[str, Tensor]:
        """Everything that the next step builds on."""
        state = self._state()
        found = {
            name: torch.tensor(float(state[name]), dtype=torch.float64)
            for name in _NUMBERS
            if state.get(name) is not None
        }
        found |= {name: torch.as_tensor(state[name]) for name in _TENSORS if state.get(name) is not None}
        lists: dict[str, list[Tensor]] = {name: state[name] for name in _LISTS if state.get(name)}
        return found | {name: torch.stack([torch.as_tensor(item) for item in items]) for name, items in lists.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        state, device = self._state(), self._params[0].device
        state.clear()
        for name, value in tensors.items():
            if name in _NUMBERS:
                state[name] = _NUMBERS[name](value.item())
            else:
                state[name] = list(value.to(device)) if name in _LISTS else value.to(device)
        if state.get("n_iter"):
            for name in _LISTS:
                state.setdefault(name, [])

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.state[self._params[0]]
        return state
