"""A save that is interrupted at every one of its file operations: the old checkpoint loads, or the new one, whole."""

import errno
import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.fixtures.results import Measured
from tests.reliability.crashing import KILL, Strike, is_killed, striking
from worker.training.checkpoint import Snapshot, latest_good, save

AGAIN = [(20, "another step"), (10, "the same step again")]
STATE = {"is_complete": True, "scores": {}}


def snapshot(step: int, value: float) -> Snapshot:
    weights = {"weight": torch.full((64, 64), value)}
    moments = {"0.exp_avg": torch.full((64, 64), value)}
    return Snapshot(step, 1, weights, moments, STATE, best={"weight": torch.zeros(64, 64)})


def saved(directory: Path, step: int, value: float) -> None:
    save(directory, snapshot(step, value), kinds=frozenset({"latest"}), metrics={}, facts={})


def what_loads(directory: Path) -> tuple[int, float] | None:
    found = latest_good(directory)
    return None if found is None else (found.step, float(found.weights["weight"][0, 0]))


@pytest.mark.parametrize("power_is_lost", [False, True])
@pytest.mark.parametrize(("step", "what"), AGAIN)
def test_a_save_killed_at_any_operation_leaves_the_old_or_the_new(
    memory, measured: Measured, power_is_lost, step, what
):
    fates: Counter[str] = Counter()
    for at in itertools.count(1):
        directory = memory / str(at)
        saved(directory, 10, 1.0)
        strike = Strike(at, error=KILL, power_is_lost=power_is_lost)
        was_killed = is_killed(lambda folder=directory: saved(folder, step, 2.0), strike)
        loaded = what_loads(directory)
        fates["unrecoverable"] += loaded not in {(10, 1.0), (step, 2.0)}
        fates["old"] += loaded == (10, 1.0)
        if not was_killed:
            assert loaded == (step, 2.0)
            break
        saved(directory, 30, 3.0)
        assert what_loads(directory) == (30, 3.0), "a crash stands in nobody's way"
    measured(
        f"save of {what} killed at every operation{', power lost' if power_is_lost else ''}",
        operations=at - 1,
        unrecoverable=fates["unrecoverable"],
    )
    assert at > 18
    assert fates["unrecoverable"] == 0
    assert fates["old"] > 14


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("step", [20, 10])
def test_a_disk_that_fails_at_any_operation_leaves_the_old_and_no_trace(memory, measured: Measured, error, step):
    num_failures = 0
    for at in itertools.count(1):
        directory = memory / str(at)
        saved(directory, 10, 1.0)
        strike = Strike(at, error=error)
        if not fails(lambda folder=directory: saved(folder, step, 2.0), strike):
            assert what_loads(directory) == (step, 2.0)
            if strike.num_operations < at:
                break
            continue  # what was left of the old one could not be removed, which is no failure of the new one
        num_failures += 1
        assert what_loads(directory) == (10, 1.0)
        assert [path.name for path in directory.iterdir()] == ["10"]
    measured(
        f"save of step {step} over 10 with {errno.errorcode[error]} at every operation",
        operations=num_failures,
        unrecoverable=0,
    )
    assert num_failures > 17


def fails(action: Callable[[], object], strike: Strike) -> bool:
    """Whether an action fails by the error that strikes it."""
    try:
        with striking(strike):
            action()
    except OSError as failure:
        return failure.errno == strike.error
    return False
