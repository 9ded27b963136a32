"""A crowd of bad clients against one service process: some read slowly, some send slowly, some only listen."""

import asyncio
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from launcher import processes
from launcher.service import ROOT
from models.database import Database
from models.settings import Settings
from tests.api.conftest import make_key
from tests.api.steps import save_checkpoint
from tests.fixtures.waiting import accepts, wait_for
from tests.models.steps import running

NUM_BYTES = 8 << 20  #: Of the file that slow readers ask for: more than a kernel buffers for them.


@dataclass(frozen=True)
class Process:
    """A service in a process of its own, started as the launcher starts it."""

    port: int
    key: str
    process: psutil.Process
    database: Database
    artifacts: Path

    def head(self, method: str, path: str, *fields: str) -> bytes:
        """The head of a request with the key."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.key}", *fields]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


@contextmanager
def own_process(settings: Settings) -> Iterator[Process]:
    """Serve these settings until the block ends."""
    names = {"DATA_DIR": str(settings.data_dir), "DATABASE_URL": settings.database, "BROKER_URL": settings.broker}
    told = {f"TRAINYARD_{name}": value for name, value in names.items()}
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1", **told}
    log = Path(settings.data_dir) / "api.log"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "launcher.api", str(listener.fileno())]
        child = processes.spawn(command, log=log, environment=environment, directory=ROOT, keep=(listener.fileno(),))
    database = Database(settings.database)
    try:
        wait_for(lambda: accepts(port) and _is_healthy(port), "the service", timeout_seconds=60)
        yield Process(port, make_key(database, "admin"), psutil.Process(child.pid), database, Path(settings.artifacts))
    finally:
        database.close()
        processes.stop(child, grace_seconds=30)


def _is_healthy(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.recv(64).startswith(b"HTTP/1.1 200")


def large_file(database: Database, artifacts: Path) -> str:
    """The path of a checkpoint file of `NUM_BYTES`."""
    lease = running(database)
    save_checkpoint(database, lease, artifacts, content=bytes(NUM_BYTES))
    return f"/v1/jobs/{lease.job_id}/checkpoints/best/files/weights.safetensors"


@asynccontextmanager
async def connections(service: Process, number: int, opening: bytes) -> AsyncIterator[list[socket.socket]]:
    """So many connections that have all sent `opening`, with room for little at the reading end."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(number):
            connection = socket.socket()
            stack.callback(connection.close)
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(connection, ("127.0.0.1", service.port))
            await loop.sock_sendall(connection, opening)
            opened.append(connection)
        yield opened


async def begun(readers: list[socket.socket]) -> None:
    """Wait until every reader's answer has begun."""
    for reader in readers:
        assert await asyncio.get_running_loop().sock_recv(reader, 1) == b"H"


async def read_slowly(readers: list[socket.socket], *, pause_seconds: float) -> None:
    """A few bytes from each again and again, until cancelled."""
    while True:
        for reader in readers:
            with suppress(BlockingIOError):
                reader.recv(512)
        await asyncio.sleep(pause_seconds)


async def trickle(senders: list[socket.socket], *, pause_seconds: float) -> None:
    """A byte to each again and again, until cancelled; who has been turned away is passed over."""
    while True:
        for sender in senders:
            with suppress(OSError):
                sender.send(b"x")
        await asyncio.sleep(pause_seconds)


async def health_seconds(service: Process, number: int) -> list[float]:
    """How long that many looks at the health take, each over a connection of its own."""
    seconds = []
    for _ in range(number):
        started = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), timeout=60)
        seconds.append(time.perf_counter() - started)
        writer.close()
        assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["status"] == "ok", answer
    return seconds


def p99(seconds: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(seconds, n=100)[98]
