"""Child processes end when told, and when their parent dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from launcher import processes
from launcher.service import ROOT
from tests.fixtures.waiting import wait_for

PARENT = """
import sys, time
from pathlib import Path
from launcher import processes
child = processes.spawn(["sleep", "600"])
Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(600)
"""


def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path):
    note = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(note)], env={**os.environ, "PYTHONPATH": str(ROOT)})
    child = psutil.Process(int(wait_for(lambda: note.exists() and note.read_text(), "the child's pid")))
    parent.kill()
    parent.wait()
    assert child.wait(timeout=5) is None or not child.is_running()


def test_a_child_writes_behind_what_its_log_holds_already(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("before\n")
    processes.spawn(["sh", "-c", "echo out; echo err >&2"], log=log).wait()
    assert log.read_text() == "before\nout\nerr\n"


def test_a_child_is_in_a_session_of_its_own_so_that_ctrl_c_is_the_launchers_alone():
    child = processes.spawn(["sleep", "600"])
    try:
        assert os.getsid(child.pid) == child.pid
    finally:
        processes.stop(child)


def test_stopping_reports_how_the_process_ended():
    assert processes.stop(processes.spawn(["sleep", "600"])) == -signal.SIGTERM


def test_a_child_that_ignores_the_signal_is_killed_after_its_grace(tmp_path: Path):
    ready = tmp_path / "ready"
    child = processes.spawn(["sh", "-c", f"trap '' TERM; touch '{ready}'; while :; do sleep 0.05; done"])
    wait_for(ready.exists, "the trap")
    assert processes.stop(child, grace_seconds=0.2) == -signal.SIGKILL


def test_stopping_what_has_ended_already_returns_its_status():
    child = processes.spawn(["sh", "-c", "exit 7"])
    child.wait()
    assert processes.stop(child) == 7


def test_a_child_inherits_the_descriptors_it_is_given_and_no_others(tmp_path: Path):
    with (tmp_path / "file").open("w") as file:
        command = [sys.executable, "-c", f"import os; os.write({file.fileno()}, b'heard')"]
        given = processes.spawn(command, keep=[file.fileno()]).wait()
        kept_back = processes.spawn(command, log=tmp_path / "log").wait()
    assert (given, kept_back) == (0, 1)
    assert (tmp_path / "file").read_text() == "heard"
