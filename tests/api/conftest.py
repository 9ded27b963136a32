"""The API for tests: the real application on a real, migrated database.

Every answer is held against the OpenAPI document.
"""

import functools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.connections import OPTIONS
from api.main import create_app
from models import keys
from models.database import Database
from models.principal import SCOPES
from models.settings import Settings
from tests.api.conformance import Conformance
from tests.fixtures.receivers import Receiver, receiving
from tests.fixtures.waiting import wait_for

Connect = Callable[..., TestClient]


@functools.lru_cache(maxsize=1)
def conformance() -> Conformance:
    """What the committed interface promises, read once a run."""
    return Conformance(create_app(Settings()).openapi())


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """Settings of a service with its own database and artifacts, and a broker that nobody runs."""
    return _settings(sqlite_url, tmp_path)


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The database behind `client`, for tests that play the worker."""
    opened = Database(settings.database)
    yield opened
    opened.close()


@pytest.fixture
def connect(app: FastAPI, database: Database) -> Iterator[Connect]:
    """Makes a client with a key of its own: `connect("jobs:read", project="other")`."""
    with _connecting(app, database) as new:
        yield new


@contextmanager
def _connecting(app: FastAPI, database: Database) -> Iterator[Connect]:
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as running:

        def new(*scopes: str, project: str = "default", key: str | None = None) -> TestClient:
            text = key if key is not None else make_key(database, *scopes, project=project)
            # A client beside the running one: same application, same event loop, another key.
            client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
            client.portal = running.portal
            client.headers["Authorization"] = f"Bearer {text}"
            client.event_hooks["response"].append(conformance().check)
            return client

        yield new


@pytest.fixture
def quick_connect(settings: Settings, database: Database) -> Iterator[Connect]:
    """Like `connect`, for a service that notices a lost worker in a fraction of a second."""
    quick = settings.model_copy(update={"lease_seconds": 0.2, "reaper_seconds": 0.05})
    with _connecting(create_app(quick), database) as new:
        yield new


@pytest.fixture
def client(connect: Connect) -> TestClient:
    """A client that may do everything, on SQLite."""
    return connect("operator")


@pytest.fixture
def either_client(database_url: str, tmp_path: Path) -> Iterator[TestClient]:
    """A client that may do everything; the test runs once per database system."""
    settings = _settings(database_url, tmp_path)
    database = Database(database_url)
    key = make_key(database, "operator")
    database.close()
    with TestClient(create_app(settings), base_url="http://localhost", raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        client.event_hooks["response"].append(conformance().check)
        yield client


def make_key(database: Database, *scopes: str, project: str = "default") -> str:
    """The text of a new key."""
    assert set(scopes) <= set(SCOPES)
    with database.unit_of_work() as connection:
        return keys.create(connection, project=project, name="test", scopes=scopes)[1]


@dataclass(frozen=True)
class Server:
    """A service on a real socket, for what only shows there: streams, waits, cuts."""

    url: str
    key: str
    database: Database
    app: FastAPI

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers=self.headers, timeout=30)


@pytest.fixture
def server(settings: Settings, database: Database) -> Iterator[Server]:
    with serving(create_app(settings)) as (url, app):
        yield Server(url, make_key(database, "operator"), database, app)


@contextmanager
def serving(app: FastAPI) -> Iterator[tuple[str, FastAPI]]:
    """Serve until the block ends, in a thread of this process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", **{**OPTIONS, "timeout_graceful_shutdown": 1}))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server")
        thread.start()
        try:
            wait_for(lambda: server.started, "the server to start")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", app
        finally:
            server.should_exit = True
            thread.join(timeout=20)
    assert not thread.is_alive(), "the server did not stop"


def _settings(database_url: str, folder: Path) -> Settings:
    return Settings(
        data_dir=folder, database_url=database_url, broker_url="redis://127.0.0.1:9/0", doorbell_seconds=0.2
    )


QUICK_WEBHOOKS = {
    "webhook_allowed_networks": "127.0.0.0/8",
    "webhook_retry_seconds": "0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05",
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def webhooks_connect(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """A service that may post to loopback, and looks for due deliveries many times a second."""
    monkeypatch.setattr("api.sweeps._WEBHOOKS_SECONDS", 0.02)
    with _connecting(create_app(settings.model_copy(update=QUICK_WEBHOOKS)), database) as new:
        yield new


@pytest.fixture
def webhooks_api(webhooks_connect: Connect) -> TestClient:
    """A client of such a service that may do everything."""
    return webhooks_connect("admin")
