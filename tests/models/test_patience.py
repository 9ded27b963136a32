"""A PostgreSQL that stands still is given up in time, and used again once it moves."""

import pytest

from models import patience
from models.database import Database
from models.errors import Unavailable
from tests.fixtures.freezing import frozen
from tests.fixtures.postgresql import own_server


def test_a_frozen_server_is_unavailable_in_time_and_used_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PING_SECONDS", 3600.0)
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.5)
    with own_server() as server:
        database = Database(server.url)
        assert database.answers()
        with pytest.raises(Unavailable), database.unit_of_work() as connection:
            connection.exec_driver_sql("select 1")
            with frozen(server.process.pid):
                connection.exec_driver_sql("select 1")
        assert database.answers(), "the broken connection is forgotten"
        monkeypatch.setattr(patience, "PING_SECONDS", 0.2)
        monkeypatch.setattr(patience, "ANSWER_SECONDS", 3600.0)
        with frozen(server.process.pid):
            assert not database.answers(), "no sign of life, and one try to connect anew, which has a limit of its own"
        assert database.answers()
        database.close()


def test_a_statement_that_takes_long_is_ended_by_the_server_first() -> None:
    with own_server() as server:
        database = Database(server.url)
        with pytest.raises(Unavailable), database.reading() as connection:
            connection.exec_driver_sql("set statement_timeout = 200")
            connection.exec_driver_sql("select pg_sleep(60)")
        assert database.answers()
        database.close()
