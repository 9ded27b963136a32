"""The process stops at once, although streams and polls are open that would never end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest

from models.database import Database
from models.settings import Settings
from tests.api.conftest import make_key
from tests.api.steps import submit
from tests.fixtures.waiting import free_port, wait_for


@pytest.fixture
def process(settings: Settings) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A service as a process of its own, started as in production, and its address."""
    port = free_port()
    words = ["uvicorn", "api.main:create_app", "--factory", "--port", str(port), "--timeout-graceful-shutdown", "30"]
    names = {"DATA_DIR": str(settings.data_dir), "DATABASE_URL": settings.database, "BROKER_URL": settings.broker}
    environment = {**os.environ, **{f"TRAINYARD_{name}": value for name, value in names.items()}}
    child = subprocess.Popen([sys.executable, "-m", *words], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _is_up(url), "the service")
        yield url, child
    finally:
        child.kill()
        child.wait()


def _is_up(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_streams_do_not_hold_the_stop_back(
    process: tuple[str, subprocess.Popen[bytes]], database: Database, number: signal.Signals
):
    url, child = process
    headers = {"Authorization": f"Bearer {make_key(database, 'admin')}"}
    heard: list[str] = []
    opened = threading.Event()

    def listen() -> None:
        accept = {**headers, "Accept": "text/event-stream"}
        with httpx2.stream("GET", f"{url}/v1/jobs/{job_id}/events", headers=accept, timeout=60) as stream:
            for line in stream.iter_lines():
                heard.append(line)
                opened.set()

    with httpx2.Client(base_url=url, headers=headers) as client:
        job_id = submit(client)["id"]
    listener = threading.Thread(target=listen)
    listener.start()
    assert opened.wait(timeout=20)
    started = time.monotonic()
    child.send_signal(number)
    child.wait(timeout=25)
    listener.join(timeout=5)
    assert time.monotonic() - started < 10
    assert not listener.is_alive()
    assert "event: end" not in heard
