"""Exit codes of a trainer, and what they say about an attempt that ended without saying it itself."""

from __future__ import annotations

import signal
from enum import IntEnum
from typing import Final, NamedTuple

#: A hung trainer answers this signal with the stacks of its threads, even where Python itself is stuck.
DUMP_SIGNAL: Final = signal.SIGUSR2


class Exit(IntEnum):
    """How a trainer ends. Negative codes, which it does not choose, name the signal that ended it."""

    OK = 0
    CRASHED = 1
    BAD_INPUT = 2
    DIVERGED = 3
    OUT_OF_MEMORY = 4
    DEVICE_FAULT = 5
    STORAGE_FULL = 6
    DRAINED = 77
    ORPHANED = 78


class Reason(NamedTuple):
    """Why an attempt failed: a code for programs, a message for people, the spec field, and whose fault it was."""

    code: str
    message: str
    param: str | None = None
    fault: str = "infrastructure"


_BY_EXIT: Final = {
    Exit.OK: Reason("trainer_vanished", "The trainer ended without a result."),
    Exit.CRASHED: Reason("internal_error", "The trainer crashed; its log has the traceback."),
    Exit.BAD_INPUT: Reason("invalid_data", "The trainer refused the spec or the data; its log says why.", None, "user"),
    Exit.DIVERGED: Reason("diverged", "The loss or its gradient stopped being finite.", None, "user"),
    Exit.OUT_OF_MEMORY: Reason("out_of_memory", "The device has too little memory for this job.", None, "user"),
    Exit.DEVICE_FAULT: Reason("gpu_fault", "The device failed."),
    Exit.STORAGE_FULL: Reason("storage_full", "There is no room left for checkpoints."),
    Exit.ORPHANED: Reason("worker_lost", "The trainer lost its supervisor."),
}


def explain(status: int | None, *, oom_kills: int = 0) -> Reason:
    """The reason behind an exit status; None is a trainer that was never forked or died with its template.

    `oom_kills` counts the processes that the kernel killed for memory meanwhile: SIGKILL alone says nothing.
    """
    if status is None:
        return Reason("worker_lost", "The process that trainers are forked from died or could not fork one.")
    if status < 0:
        return _by_signal(-status, oom_kills)
    known = {int(code): reason for code, reason in _BY_EXIT.items()}
    return known.get(status, Reason("internal_error", f"The trainer ended with exit code {status}."))


def _by_signal(number: int, oom_kills: int) -> Reason:
    if number == signal.SIGKILL and oom_kills:
        message = "The operating system ran out of memory and killed the trainer."
        return Reason("host_oom", message)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return Reason("trainer_killed", f"The trainer was ended by {name}.")
