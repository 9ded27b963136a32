"""Ctrl-C in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import trainyard
from tests.fixtures.waiting import wait_for
from trainyard.cli.session import ExitCode


def _hearing_ctrl_c() -> None:
    """A run in the background of a shell ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("command", ["wait", "follow"])
def test_ctrl_c_leaves_the_job_alone_and_says_how_to_come_back(api, submit, command):
    job = submit()
    environment = {
        **os.environ,
        "TRAINYARD_URL": api.url,
        "TRAINYARD_API_KEY": api.key,
        "PYTHONPATH": str(Path(trainyard.__file__).parents[1]),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "trainyard", command, job.id],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hearing_ctrl_c,
    )
    wait_for(lambda: api.is_watched(job.id), "the command to wait at the API")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "The job goes on" in said
    assert f"trainyard follow {job.id}" in said
    assert "Traceback" not in said
    assert job.refresh().status == "queued"
