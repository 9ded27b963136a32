"""The arithmetic of forward and backward."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]


def chosen(asked: Literal["auto", "fp32", "bf16"], device: torch.device) -> Precision:
    """bf16 on GPUs that compute in it, else fp32, unless the spec says which."""
    if asked != "auto":
        return asked
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """A context, to be entered any number of times, in which matrices are multiplied in that precision."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)
    return nullcontext()
