"""One service for all tests, and a folder in memory."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.rig import Rig, running_rig
from tests.worker.yard import AwayDatabase

#: Modules with tests whose names do not say so: see `test_whole_service`.
WHOLE_SERVICE = ("broker_outages", "database_outages", "kills", "orders", "pace")
pytest.register_assert_rewrite(*(f"tests.reliability.{module}" for module in WHOLE_SERVICE))


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The service with short deadlines."""
    with running_rig(tmp_path_factory.mktemp("rig")) as running:
        yield running


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder that no disk slows down, where there is one."""
    root = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=root, prefix="trainyard-simulation-") as folder:
        yield Path(folder)


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[AwayDatabase]:
    """A fresh, migrated SQLite database that can be taken away."""
    opened = AwayDatabase(sqlite_url)
    yield opened
    opened.close()
