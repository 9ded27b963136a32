"""Slow clients: who reads or sends a byte now and then, or never ends a head, costs others nothing and is given up."""

import asyncio
import fcntl
import json
import shutil
import socket
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from api.connections import UNSENT_BYTES, Connection
from api.main import create_app
from models.database import Database
from models.settings import Settings
from tests.api.conftest import Server, make_key, serving
from tests.api.threats import crowd
from tests.fixtures.waiting import wait_for
from tests.models.steps import submit


@pytest.fixture(scope="module")
def service(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[crowd.Process]:
    """One process for all crowds, each of which leaves it as it was."""
    folder = tmp_path_factory.mktemp("crowded")
    url = f"sqlite:///{shutil.copy(migrated_sqlite_file, folder / 'trainyard.db')}"
    with crowd.own_process(Settings(data_dir=folder, database_url=url, broker_url="redis://127.0.0.1:9/0")) as running:
        yield running


async def _seconds_beside_a_crowd(
    service: crowd.Process, path: str, *, num_readers: int, num_senders: int, num_looks: int
) -> tuple[list[float], list[float]]:
    """How long a look at the health takes alone, and beside slow readers and senders that are all at it."""
    alone = await crowd.health_seconds(service, num_looks)
    head = service.head("GET", path)
    body = service.head("POST", "/v1/jobs", "Content-Type: application/json", "Content-Length: 100000")
    async with (
        crowd.connections(service, num_readers, head) as readers,
        crowd.connections(service, num_senders // 2, body) as bodies,
        crowd.connections(service, num_senders - num_senders // 2, b"GET /v1/jobs HTTP/1.1\r\nX-Slow: ") as heads,
    ):
        await crowd.begun(readers)
        busy = [
            asyncio.create_task(crowd.read_slowly(readers, pause_seconds=0.5)),
            asyncio.create_task(crowd.trickle([*bodies, *heads], pause_seconds=1.0)),
        ]
        beside = await crowd.health_seconds(service, num_looks)
        assert not any(task.done() for task in busy)
        for task in busy:
            task.cancel()
    return alone, beside


def test_slow_readers_and_trickling_senders_hold_up_nobody(
    service: crowd.Process,
):
    path = crowd.large_file(service.database, service.artifacts)
    counts = {"num_readers": 200, "num_senders": 50, "num_looks": 100}
    _, beside = asyncio.run(_seconds_beside_a_crowd(service, path, **counts))
    assert crowd.p99(beside) < 5


@pytest.mark.nightly
def test_a_thousand_slow_readers_and_two_hundred_trickling_senders_leave_the_health_under_200_ms(
    service: crowd.Process,
):
    path = crowd.large_file(service.database, service.artifacts)
    counts = {"num_readers": 1000, "num_senders": 200, "num_looks": 500}
    alone, beside = asyncio.run(_seconds_beside_a_crowd(service, path, **counts))
    assert crowd.p99(beside) < max(0.2, 10 * crowd.p99(alone)), (crowd.p99(alone), crowd.p99(beside))


def _listening_costs(service: crowd.Process, *, number: int) -> tuple[int, float]:
    """Threads and bytes that each of so many listeners to one waiting job costs the service."""
    job_id = submit(service.database).id
    head = service.head("GET", f"/v1/jobs/{job_id}/events", "Accept: text/event-stream")

    async def listen() -> tuple[int, float]:
        async with crowd.connections(service, 8, head) as first:
            await _heard(first)
            threads, memory = service.process.num_threads(), service.process.memory_info().rss
            async with crowd.connections(service, number, head) as listeners:
                await _heard(listeners)
                more = service.process.memory_info().rss - memory
                return service.process.num_threads() - threads, more / number

    return asyncio.run(listen())


async def _heard(listeners: list[socket.socket]) -> None:
    """Wait until every listener has got the event of the queue."""
    for listener in listeners:
        text = b""
        while b"job.queued" not in text:
            piece = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(listener, 4096), timeout=120)
            assert piece, text
            text += piece


def test_idle_listeners_cost_no_thread_each(service: crowd.Process):
    threads, memory = _listening_costs(service, number=200)
    assert threads <= 40  # of the pool that all share; a thread each would be 200
    assert memory < 1 << 20


@pytest.mark.nightly
def test_a_thousand_idle_listeners_cost_no_thread_each(service: crowd.Process):
    threads, memory = _listening_costs(service, number=1000)
    assert threads <= 40
    assert memory < 1 << 18


@pytest.fixture
def impatient(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A service whose patience with a connection ends within a second."""
    for name, seconds in {"HEAD": 0.3, "MOST_BODY": 0.5, "STALLED": 0.3, "LOOK": 0.05}.items():
        monkeypatch.setattr(f"api.connections.{name}_SECONDS", seconds)
    with serving(create_app(settings)) as (url, app):
        yield Server(url, make_key(database, "admin"), database, app)


def _answer(connection: socket.socket) -> bytes:
    """Everything that comes until the other end closes."""
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def _connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: loc",
        b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
    ],
)
def test_slowloris_a_request_that_never_comes_is_given_up(impatient: Server, opening: bytes):
    with _connect(impatient) as connection:
        connection.sendall(opening)
        answer = _answer(connection)
    # Who sends no key is answered before the body has come, and its connection is not kept either.
    assert answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 401 ")), answer


def test_slowloris_a_byte_now_and_then_buys_no_time(impatient: Server):
    with _connect(impatient) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        connection.settimeout(0.05)
        deadline = time.monotonic() + 60
        answer = b""
        while not answer and time.monotonic() < deadline:
            connection.sendall(b"x")
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["code"] == "request_timeout"


def test_a_body_that_keeps_its_pace_may_take_longer_than_a_head(impatient: Server):
    content = json.dumps({"data": {"dataset": "iris"}, "labels": {"a": "x" * 60}}).encode() + b" " * 4000
    fields = (
        f"Authorization: Bearer {impatient.key}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    )
    started = time.monotonic()
    with _connect(impatient) as connection:
        connection.sendall(f"POST /v1/jobs?dry_run=schema HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode())
        connection.sendall(b"Connection: close\r\n\r\n")
        for start in range(0, len(content), 400):
            connection.sendall(content[start : start + 400])
            time.sleep(0.05)
        answer = _answer(connection)
    assert time.monotonic() - started > 0.4
    assert answer.startswith(b"HTTP/1.1 200 "), answer


def test_an_answer_that_nobody_reads_is_given_up(impatient: Server, settings: Settings, database: Database):
    path = crowd.large_file(database, Path(settings.artifacts))
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", impatient.port))
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {impatient.key}\r\n\r\n"
        connection.sendall(request.encode())
        connection.recv(1)
        wait_for(lambda: _is_given_up(impatient), "the service to let go of it")
        assert len(_answer(connection)) < crowd.NUM_BYTES


def test_the_kernel_holds_little_for_who_does_not_read(
    server: Server, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
):
    """A thousand slow readers would otherwise have it hold gigabytes, copied there by the very loop that serves all."""
    path = crowd.large_file(database, Path(settings.artifacts))
    made: list[Connection] = []
    begin = Connection.connection_made
    monkeypatch.setattr(Connection, "connection_made", lambda self, to: made.append(self) or begin(self, to))
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n\r\n".encode()
        )
        connection.recv(1)
        (one,) = made
        wait_for(lambda: one.flow.write_paused, "the answer to wait for its reader")
        waiting = fcntl.ioctl(one.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        assert 0 < int.from_bytes(waiting, sys.byteorder) < 2 * UNSENT_BYTES


def _is_given_up(server: Server) -> bool:
    """Whether the service, which runs in this process, holds no connection to a client any more."""
    held = psutil.Process().net_connections(kind="tcp")
    return not any(one.laddr.port == server.port and one.status == psutil.CONN_ESTABLISHED for one in held)


@pytest.mark.parametrize("field", [b"X-Endless: " + b"x" * 70_000, b"X: y\r\n" * 12_000])
def test_a_head_without_end_is_refused(server: Server, field: bytes):
    with _connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + field)
        answer = _answer(connection)
    assert answer.startswith(b"HTTP/1.1 431 "), answer


@pytest.mark.parametrize("file", ["Dockerfile", "docs/deployment.md"])
def test_every_way_to_start_the_service_limits_its_clients(file: str):
    text = (Path(__file__).parents[3] / file).read_text()
    assert text.count("api.main:create_app") == text.count("api.connections:Connection") > 0
