"""A template process with stand-in training, started once."""

from collections.abc import Iterator

import pytest

from tests.worker.running import running_spares
from tests.worker.yard import AwayDatabase
from worker.spares import Spares


@pytest.fixture(scope="session")
def spares() -> Iterator[Spares]:
    """Two slots whose trainers run the stand-in."""
    with running_spares(num_slots=2) as started:
        yield started


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[AwayDatabase]:
    """A fresh, migrated SQLite database that can be taken away."""
    opened = AwayDatabase(sqlite_url)
    yield opened
    opened.close()
