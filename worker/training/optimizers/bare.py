"""Steps and bookkeeping of PyTorch's optimizers without the compiler that they import to keep it out of their way.

`torch.optim` wraps its methods in decorators that import `torch._dynamo` at the first call, only to tell it to leave
them alone: 800 modules, 1.6 s of a processor and 60 MB in every process that makes an optimizer. Nobody compiles an
optimizer here; what is compiled is the network, which imports the compiler itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import optim

#: Methods that `torch._compile` wraps, and the attribute by which its wrapper remembers what to call instead.
_WRAPPED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
_REMEMBERED = "__dynamo_disable"


def step(optimizer: optim.Optimizer) -> None:
    """Take the step that the optimizer defines, without its decorators: no hooks, no profiler, no compiler."""
    bare: Callable[[optim.Optimizer], None] = inspect.unwrap(type(optimizer).step)
    with torch.no_grad():
        bare(optimizer)


def keep_the_compiler_out() -> None:
    """Let the methods of every optimizer call themselves. A torch that wraps them otherwise is left as it is."""
    for name in _WRAPPED:
        method = getattr(optim.Optimizer, name)
        bare = inspect.unwrap(method)
        if bare is not method and not hasattr(bare, _REMEMBERED):
            setattr(bare, _REMEMBERED, bare)


keep_the_compiler_out()
