"""Before the service starts: tables, the first key, and who is there already."""

from pathlib import Path

import pytest

from launcher.preparation import prepare
from models import keys, workers
from models.database import Database
from models.errors import Unavailable


def test_the_first_start_makes_the_tables_and_a_key_that_opens(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    prepared = prepare(url)
    database = Database(url)
    with database.reading() as connection:
        assert keys.authenticate(connection, prepared.new_key or "").may("admin")
    database.close()


def test_later_starts_make_no_second_key(database_url: str):
    assert prepare(database_url).new_key is not None
    assert prepare(database_url).new_key is None


def test_workers_of_other_launchers_are_told_apart_from_ours(database: Database, database_url: str):
    with database.unit_of_work() as connection:
        description = {"node": "n", "name": "w", "pool": "default", "slots": 1, "devices": [], "versions": {}}
        workers.register(connection, worker_id="wrk_other", **description)
    assert prepare(database_url).earlier_workers == {"wrk_other"}


def test_a_database_that_does_not_answer_is_said_to_be_unavailable():
    with pytest.raises(Unavailable):
        prepare("postgresql://nobody@127.0.0.1:1/none")
