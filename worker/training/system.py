"""What a run takes of its machine."""

from __future__ import annotations

import os
import resource
from functools import cache

import psutil
import torch


def figures(device: torch.device) -> dict[str, float]:
    """Memory held now, in bytes: of this process, and on a GPU."""
    taken = {"system/memory_bytes": float(_process(os.getpid()).memory_info().rss)}
    if device.type == "cuda":
        taken["system/gpu_memory_bytes"] = float(torch.cuda.memory_allocated(device))
    return taken


@cache
def _process(pid: int) -> psutil.Process:
    """This process, by the number that a fork changes: to find it takes longer than to ask it."""
    return psutil.Process(pid)


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory held at any time: of the device on a GPU, else of this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
