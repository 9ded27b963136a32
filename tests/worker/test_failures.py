"""From the exception that ended training to the reason and the exit code."""

import errno

import pytest
import torch

from models.errors import FieldError, InvalidData, InvalidSpec
from worker.exits import Exit
from worker.failures import explain
from worker.training import CheckpointRefused, Diverged, OutOfMemory, TrainingError


@pytest.mark.parametrize(
    ("error", "code", "fault", "exit_code"),
    [
        (InvalidData("not a number", place="row 3"), "invalid_data", "user", Exit.BAD_INPUT),
        (InvalidSpec("no such column"), "invalid_spec", "user", Exit.BAD_INPUT),
        (Diverged(step=3, what="loss"), "diverged", "user", Exit.DIVERGED),
        (OutOfMemory("too big"), "out_of_memory", "user", Exit.OUT_OF_MEMORY),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory", "user", Exit.OUT_OF_MEMORY),
        (MemoryError(), "out_of_memory", "user", Exit.OUT_OF_MEMORY),
        (RuntimeError("CUDA error: an illegal memory access"), "gpu_fault", "infrastructure", Exit.DEVICE_FAULT),
        (OSError(errno.ENOSPC, "No space left on device"), "storage_full", "infrastructure", Exit.STORAGE_FULL),
        (OSError(errno.EIO, "Input/output error"), "internal_error", "infrastructure", Exit.CRASHED),
        (TrainingError("no_gpu", "none here", fault="infrastructure"), "no_gpu", "infrastructure", Exit.CRASHED),
        (TrainingError("empty_split", "no rows"), "empty_split", "user", Exit.BAD_INPUT),
        (CheckpointRefused("bad"), "checkpoint_refused", "infrastructure", Exit.CRASHED),
        (ValueError("a mistake of ours"), "internal_error", "infrastructure", Exit.CRASHED),
        (KeyboardInterrupt(), "internal_error", "infrastructure", Exit.CRASHED),
    ],
)
def test_every_failure_has_a_reason_and_an_exit_code(error, code, fault, exit_code):
    failure = explain(error)
    assert (failure.reason.code, failure.reason.fault, failure.exit) == (code, fault, exit_code)
    assert failure.reason.message


def test_the_field_of_the_spec_is_passed_on():
    assert explain(Diverged(step=3, what="loss")).reason.param == "#/optimizer/learning_rate"


def test_every_mistake_of_a_spec_is_named():
    error = InvalidSpec("The spec does not fit.", errors=[FieldError("#/data/target", "There is no column x.")])
    assert "#/data/target: There is no column x." in explain(error).reason.message
