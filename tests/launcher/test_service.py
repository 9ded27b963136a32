"""What the launcher starts, and where it listens."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.errors import PortTaken
from launcher.folder import DataFolder
from launcher.service import Plan, listening, url_of
from models.settings import Settings


def plan(tmp_path: Path, listener: socket.socket, **settings: object) -> Plan:
    return Plan(Settings(data_dir=tmp_path, **settings), DataFolder.at(tmp_path), listener)


def test_a_free_port_is_picked_for_port_0():
    with listening("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_port_in_use_is_named_with_the_way_out():
    with listening("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken.*--port"), listening("127.0.0.1", port):
            pytest.fail("listened twice on one port")


def test_a_host_that_is_not_ours_is_an_error():
    with pytest.raises(OSError, match="assign"), listening("192.0.2.1", 0):
        pytest.fail("listened on an address of somebody else")


def test_a_service_on_every_address_is_reached_on_loopback():
    with listening("0.0.0.0", 0) as listener:  # noqa: S104
        assert url_of(listener).startswith("http://127.0.0.1:")


def test_an_ipv6_address_stands_in_brackets():
    with listening("::1", 0) as listener:
        assert url_of(listener).startswith("http://[::1]:")


def test_the_embedded_service_is_broker_api_and_worker(tmp_path: Path):
    with listening("127.0.0.1", 0) as listener:
        assert [part.name for part in plan(tmp_path, listener).parts()] == ["broker", "api", "worker"]


def test_with_a_broker_of_its_own_it_embeds_none(tmp_path: Path):
    with listening("127.0.0.1", 0) as listener:
        parts = plan(tmp_path, listener, broker_url="redis://127.0.0.1:6379/0").parts()
    assert [part.name for part in parts] == ["api", "worker"]


def test_a_crash_of_a_library_leaves_a_trace_in_the_log(tmp_path: Path):
    with listening("127.0.0.1", 0) as listener:
        (environment,) = [part.environment for part in plan(tmp_path, listener).parts() if part.name == "api"]
    code = "import os, signal\ndef somewhere():\n    os.kill(os.getpid(), signal.SIGSEGV)\nsomewhere()"
    run = subprocess.run([sys.executable, "-c", code], env=dict(environment), capture_output=True, check=False)
    assert run.returncode == -signal.SIGSEGV
    assert b"Fatal Python error: Segmentation fault" in run.stderr
    assert b"in somewhere" in run.stderr


def test_every_part_is_told_the_folder_and_the_port_in_use(tmp_path: Path):
    with listening("127.0.0.1", 0) as listener:
        port = str(listener.getsockname()[1])
        parts = plan(tmp_path, listener).parts()
    told = {(part.environment["TRAINYARD_DATA_DIR"], part.environment["TRAINYARD_PORT"]) for part in parts}
    assert told == {(str(tmp_path), port)}


def test_the_worker_has_time_to_drain_before_it_is_killed(tmp_path: Path):
    with listening("127.0.0.1", 0) as listener:
        worker = plan(tmp_path, listener, drain_seconds=7, stop_grace_seconds=11).parts()[-1]
    assert worker.grace_seconds > 18
