"""The arithmetic of forward and backward."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Literal

import torch
from torch import Tensor

from worker.training.errors import Diverged

Precision = Literal["fp32", "bf16", "fp16"]
TYPES: Final = {"bf16": torch.bfloat16, "fp16": torch.float16}


def chosen(asked: Literal["auto", "fp32", "bf16", "fp16"], device: torch.device) -> Precision:
    """bf16 on GPUs that compute in it, else fp32, unless the spec says which."""
    if asked != "auto":
        return asked
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """A context, to be entered any number of times, in which matrices are multiplied in that precision."""
    if precision in TYPES:
        return torch.autocast(device.type, dtype=TYPES[precision], cache_enabled=False)
    return nullcontext()


class LossScale:
    """A factor on the loss that keeps small gradients from vanishing in fp16 (Micikevicius et al. 2018).

    A step whose gradients overflow is skipped and the factor halved; it is doubled after many good steps. Skipped steps
    are no progress of the schedule. To learn of an overflow the device is waited for once a step.
    """

    FIRST: Final = 2.0**16
    GOOD_STEPS_TO_GROW: Final = 2000

    def __init__(self) -> None:
        self.scale = self.FIRST
        self.num_skipped = 0
        self._num_good = 0

    def unscale(self, gradients: list[Tensor], norm: Tensor, *, step: int) -> Tensor | None:
        """Make scaled gradients true, in place; their true norm, or None where the step must be skipped.

        Raises Diverged where even the unscaled gradients overflow.
        """
        if not math.isfinite(norm.item()):
            self.scale, self._num_good = self.scale / 2, 0
            self.num_skipped += 1
            if self.scale < 1:
                raise Diverged(step=step, what="gradient")
            return None
        factor = 1 / self.scale
        torch._foreach_mul_(gradients, factor)
        self._num_good += 1
        if self._num_good == self.GOOD_STEPS_TO_GROW:
            self.scale, self._num_good = self.scale * 2, 0
        return norm * factor

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"scale": self.scale, "num_good": self._num_good, "num_skipped": self.num_skipped}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.scale, self._num_good, self.num_skipped = state["scale"], state["num_good"], state["num_skipped"]
