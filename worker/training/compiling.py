"""`training.compile`: the network's forward and backward as kernels made for it, by `torch.compile`.

Every size of batch has kernels of its own, so that a resumed run computes with the same ones whatever it meets first.
Evaluation goes without: its batches are large, and their last one is of another size in every part of the data.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any, Final, Literal, cast

import torch
from torch import Tensor, nn

from worker.training.errors import TrainingError
from worker.training.networks.inputs import Batch

Forward = Callable[[Batch], Tensor]
#: What makes the kernels: C++ on the CPU, Triton on a GPU.
BACKEND: Any = "inductor"
_COMPILERS: Final = ("g++", "clang++")
_PARAM: Final = "#/training/compile"


def chosen(asked: Literal["auto"] | bool, device: torch.device) -> bool:  # noqa: FBT001  the field itself
    """Whether to compile; raises TrainingError where it is asked for and the worker has no compiler.

    `auto` does not: on CPUs compiled steps were measured to be no faster, and took half a minute to make.
    """
    if asked != "auto" and asked and device.type == "cpu" and not _has_compiler():
        message = "Compiling for a CPU takes a C++ compiler, and the worker has none: install g++, or name one by CXX."
        raise TrainingError("no_compiler", message, param=_PARAM)
    return asked is True


def compiled(network: nn.Module) -> Forward:
    """The network, compiled when it is first called. Raises TrainingError where that cannot be done."""
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor import config

    config.compile_threads = 1  # the others would be processes, which outlive a trainer that is killed
    config.fallback_random = True  # what is drawn is a function of (seed, step), as without
    forward = cast("Forward", torch.compile(network, dynamic=False, backend=BACKEND))

    def call(batch: Batch) -> Tensor:
        try:
            return forward(batch)
        except TorchDynamoException as error:
            first = str(getattr(error, "inner_exception", error)).strip().partition("\n")[0]
            message = f"The network cannot be compiled ({first}). Without training.compile it trains as it is."
            raise TrainingError("not_compiled", message, param=_PARAM) from error

    return call


def _has_compiler() -> bool:
    asked = os.environ.get("CXX")
    return any(shutil.which(name) for name in ([asked] if asked else _COMPILERS))
