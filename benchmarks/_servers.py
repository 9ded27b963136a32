"""The HTTP services that `api.py`, `metrics.py` and `growth.py` put under load: each one process, on loopback.

Ours runs without a worker, so that what is submitted stays in the queue and nothing else uses the cores, and with its
embedded broker, so that doorbells are rung. None of them writes a line per request.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from _peers import PEERS, ROOT, python

from launcher import broker
from launcher.preparation import prepare
from models.settings import Settings

_START_SECONDS = 120.0
_POLL_SECONDS = 0.005


@dataclass(frozen=True)
class Server:
    """A running service."""

    url: str
    process: subprocess.Popen[bytes]
    started_in_seconds: float
    key: str | None = None
    settings: Settings | None = None

    def cpu_seconds(self) -> float:
        """What its processes have computed so far."""
        whole = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in whole)


@contextmanager
def ours(folder: Path, **settings_by_name: str) -> Iterator[Server]:
    """The API of this repository, on a fresh SQLite database, with settings by their variables' names."""
    settings = Settings(data_dir=folder, requests_per_minute=10**9)
    (folder / "broker").mkdir(parents=True)
    environment = {
        "TRAINYARD_DATA_DIR": str(folder),
        "TRAINYARD_REQUESTS_PER_MINUTE": str(10**9),
        "TRAINYARD_LOG_LEVEL": "warning",
        **settings_by_name,
    }
    key = prepare(settings.database).new_key
    with ExitStack() as stack:
        command = broker.command(socket=settings.broker_socket, folder=folder / "broker")
        stack.enter_context(_running(command, {}, log=folder / "broker.log"))
        listener = stack.enter_context(_listening())
        api = [sys.executable, "-m", "launcher.api", str(listener.fileno())]
        server = stack.enter_context(_served(api, environment, listener, "/healthz", log=folder / "api.log"))
        yield Server(server.url, server.process, server.started_in_seconds, key, settings)


@contextmanager
def orm(folder: Path) -> Iterator[Server]:
    """`peers/orm_app.py`, by the same Python and the same versions as ours."""
    folder.mkdir(parents=True)
    with _listening() as listener:
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(PEERS), "orm_app:app", "--no-access-log"]
        command += ["--fd", str(listener.fileno()), "--log-level", "warning"]
        environment = {"DATABASE_URL": f"sqlite:///{folder / 'jobs.db'}"}
        with _served(command, environment, listener, "/openapi.json", log=folder / "log") as server:
            yield server


@contextmanager
def mlflow(folder: Path) -> Iterator[Server]:
    """The MLflow tracking server on SQLite, with one worker, as ours has one process."""
    folder.mkdir(parents=True)
    interpreter = python("mlflow")
    with _listening() as listener:
        port = listener.getsockname()[1]
    command = [str(interpreter), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "64",  # as many as there are clients: its own few time out
        "PATH": f"{interpreter.parent}:{os.environ['PATH']}",
    }
    began = time.monotonic()
    with _running(command, environment, log=folder / "log") as process:
        url = f"http://127.0.0.1:{port}"
        _wait(url, "/health", process)
        yield Server(url, process, time.monotonic() - began)


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        yield listener


@contextmanager
def _served(
    command: list[str], environment: Mapping[str, str], listener: socket.socket, path: str, *, log: Path
) -> Iterator[Server]:
    began = time.monotonic()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with _running(command, environment, log=log, keep=(listener.fileno(),)) as process:
        _wait(url, path, process)
        yield Server(url, process, time.monotonic() - began)


@contextmanager
def _running(
    command: list[str], environment: Mapping[str, str], *, log: Path, keep: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output, pass_fds=keep
        )
        try:
            yield process
        finally:
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for child in children:
                if child.is_running():
                    child.kill()


def _wait(url: str, path: str, process: subprocess.Popen[bytes]) -> None:
    """Until the service answers. Raises RuntimeError where it ends, or takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if _status(url, path) == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(_POLL_SECONDS)
    raise RuntimeError(f"{url} does not answer")


def _status(url: str, path: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_START_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
