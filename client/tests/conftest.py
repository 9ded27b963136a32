"""What the client's tests stand on: the real API, a stand-in for the worker, and a network that can be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from client.tests.support.api import Api, running_api
from client.tests.support.network import Relay, relay
from client.tests.support.trainer import Trainer
from trainyard import Client, Job

pytest_plugins = ["tests.fixtures.databases", "tests.fixtures.postgresql", "tests.fixtures.services"]

Submit = Callable[..., Job]


@pytest.fixture(scope="session")
def api(migrated_sqlite_file: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    copy = folder / "trainyard.db"
    copy.write_bytes(migrated_sqlite_file.read_bytes())
    with running_api(f"sqlite:///{copy}", folder) as running:
        yield running


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    with Client(api.url, api.key, timeout=10) as made:
        yield made


@pytest.fixture
def cable(api: Api) -> Iterator[Relay]:
    """The network between `wired` and the API."""
    with relay(api.port) as made:
        yield made


@pytest.fixture
def wired(api: Api, cable: Relay) -> Iterator[Client]:
    """A client whose network can be cut."""
    with Client(cable.url, api.key, timeout=10) as made:
        yield made


@pytest.fixture
def pool() -> str:
    """A pool of the test's own, so that no other test's job is claimed in it."""
    return f"p-{uuid4().hex[:12]}"


@pytest.fixture
def submit(client: Client, pool: str) -> Submit:
    """Submits a small job into the test's pool: `submit(name="…", via=another_client)`."""

    def submitted(*, via: Client | None = None, **spec: Any) -> Job:
        return (via or client).jobs.submit({"data": {"dataset": "digits"}, "resources": {"pool": pool}, **spec})

    return submitted


@pytest.fixture
def claim(api: Api, pool: str) -> Callable[[], Trainer]:
    """Claims the oldest queued job of the test's pool."""
    return lambda: Trainer.claim(api, pool=pool)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRAINYARD_URL", "TRAINYARD_API_KEY", "TRAINYARD_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
