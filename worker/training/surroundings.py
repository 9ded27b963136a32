"""What a run needs of its process, set for the run and put back after it: device, threads, determinism."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from worker.training.errors import OutOfMemory, TrainingError


def choose_device(asked: str) -> torch.device:
    """`auto` is a GPU where there is one. Raises TrainingError when a GPU is asked for and none is there."""
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if asked.startswith("cuda") and not torch.cuda.is_available():
        message = "A GPU is asked for, and this worker has none."
        raise TrainingError("no_gpu", message, param="#/resources/device", fault="infrastructure")
    return torch.device(asked)


@contextmanager
def surroundings(*, deterministic: bool, num_threads: int | None) -> Iterator[None]:
    """Run with these settings of torch, and leave torch as it was: generators, threads and algorithms."""
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), _fills())
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it once, before its first product
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices):
        try:
            _use(num_threads or before[0], deterministic=deterministic, fills=False)
            yield
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            of_device = isinstance(error, torch.OutOfMemoryError)
            raise OutOfMemory(str(error) if of_device else "The host has too little memory for this job.") from error
        finally:
            _use(before[0], deterministic=before[1], fills=before[2])


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device or the host has no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)  # as PyTorch says it on the CPU


def _use(num_threads: int, *, deterministic: bool, fills: bool) -> None:
    if torch.get_num_threads() != num_threads:
        torch.set_num_threads(num_threads)
    if "torch._inductor" in sys.modules:
        torch.use_deterministic_algorithms(deterministic)
    else:  # the same without importing the compiler, to tell it
        torch.set_deterministic_debug_mode("error" if deterministic else "default")
    torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]


def _fills() -> bool:
    """Whether deterministic mode also clears fresh memory, which costs time and helps nobody here."""
    return bool(torch.utils.deterministic.fill_uninitialized_memory)  # type: ignore[attr-defined]
