"""What an exit status says about an attempt that ended without a word."""

import signal

import pytest

from worker.exits import Exit, explain


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (Exit.BAD_INPUT, "invalid_data", "user"),
        (Exit.DIVERGED, "diverged", "user"),
        (Exit.OUT_OF_MEMORY, "out_of_memory", "user"),
        (Exit.DEVICE_FAULT, "gpu_fault", "infrastructure"),
        (Exit.STORAGE_FULL, "storage_full", "infrastructure"),
        (Exit.CRASHED, "internal_error", "infrastructure"),
        (Exit.OK, "trainer_vanished", "infrastructure"),
        (Exit.ORPHANED, "worker_lost", "infrastructure"),
        (None, "worker_lost", "infrastructure"),
        (42, "internal_error", "infrastructure"),
    ],
)
def test_every_exit_code_has_a_reason_and_a_fault(status, code, fault):
    reason = explain(status)
    assert (reason.code, reason.fault) == (code, fault)


def test_a_signal_is_named():
    assert explain(-signal.SIGSEGV).code == "trainer_killed"
    assert "SIGSEGV" in explain(-signal.SIGSEGV).message
    assert "signal 63" in explain(-63).message


def test_sigkill_is_the_memory_killer_only_when_the_kernel_says_so():
    assert explain(-signal.SIGKILL).code == "trainer_killed"
    assert explain(-signal.SIGKILL, oom_kills=1).code == "host_oom"
    assert explain(-signal.SIGTERM, oom_kills=1).code == "trainer_killed"


def test_an_unknown_code_is_shown():
    assert "42" in explain(42).message
