"""A worker is healthy while it beats."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worker import health


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "gettempdir", lambda: str(tmp_path))


def test_a_worker_that_never_beat_is_not_alive():
    assert not health.is_alive(within_seconds=60)


def test_a_worker_that_beat_just_now_is_alive():
    health.note_beat()
    assert health.is_alive(within_seconds=60)


def test_a_worker_that_fell_silent_is_not_alive():
    health.note_beat()
    long_ago = time.time() - 61
    os.utime(health.beat_file(), (long_ago, long_ago))
    assert not health.is_alive(within_seconds=60)


def test_a_beat_after_a_silence_counts():
    test_a_worker_that_fell_silent_is_not_alive()
    health.note_beat()
    assert health.is_alive(within_seconds=60)


@pytest.mark.parametrize(("silence_seconds", "status"), [(25, 0), (35, 1)])
def test_three_missed_heartbeats_make_the_command_fail(tmp_path: Path, silence_seconds: int, status: int):
    health.note_beat()
    beaten = time.time() - silence_seconds
    os.utime(health.beat_file(), (beaten, beaten))
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TRAINYARD_HEARTBEAT_SECONDS": "10"}
    asked = subprocess.run([sys.executable, "-m", "worker.health"], env=environment, check=False)
    assert asked.returncode == status
