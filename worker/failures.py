"""What ends a training run: from the exception to the reason that the job shows and the exit code of the process."""

from __future__ import annotations

import errno
from typing import Final, NamedTuple

import torch

from models.errors import InvalidData, InvalidSpec
from worker.exits import Exit, Reason
from worker.training import TrainingError

_EXITS: Final = {
    "invalid_data": Exit.BAD_INPUT,
    "diverged": Exit.DIVERGED,
    "out_of_memory": Exit.OUT_OF_MEMORY,
    "gpu_fault": Exit.DEVICE_FAULT,
    "storage_full": Exit.STORAGE_FULL,
}
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Failure(NamedTuple):
    """Why a run failed, and how its process says so."""

    exit: Exit
    reason: Reason


def explain(error: BaseException) -> Failure:
    """The failure behind an exception. Anything unknown is a crash; its traceback belongs into the log."""
    reason = _reason(error)
    unknown = Exit.BAD_INPUT if reason.fault == "user" else Exit.CRASHED
    return Failure(_EXITS.get(reason.code, unknown), reason)


def _reason(error: BaseException) -> Reason:
    match error:
        case TrainingError():
            return Reason(error.code, error.message, error.param, error.fault)
        case InvalidData():
            return Reason("invalid_data", str(error), None, "user")
        case InvalidSpec():
            return Reason("invalid_spec", _in_words(error), None, "user")
        case torch.OutOfMemoryError() | MemoryError():
            return Reason("out_of_memory", str(error) or "There is too little memory for this job.", None, "user")
        case OSError() if error.errno in _NO_ROOM:
            return Reason("storage_full", f"There is no room left: {error}.")
        case RuntimeError() if "CUDA error" in str(error):
            return Reason("gpu_fault", str(error))
    return Reason("internal_error", f"{type(error).__name__}: {error}")


def _in_words(error: InvalidSpec) -> str:
    return "; ".join([error.detail, *(f"{mistake.pointer}: {mistake.detail}" for mistake in error.errors)])
