"""Idempotency: one effect, one answer, however often a request comes."""

import threading

import pytest
from sqlalchemy import update

from models import idempotency
from models.database import Database
from models.errors import Unprocessable
from models.idempotency import Replay
from models.tables import idempotency as table


def _once(database: Database, *, fingerprint: str = "f", body: str = "{}") -> Replay | None:
    words = {"project": "p", "key": "k", "operation": "POST /v1/jobs"}
    with database.unit_of_work() as connection:
        replay = idempotency.begin(connection, fingerprint=fingerprint, **words)
        if replay is None:
            idempotency.finish(connection, status=201, body=body, headers={"Location": "/v1/jobs/x"}, **words)
        return replay


def test_a_repetition_gets_the_first_answer(database: Database) -> None:
    assert _once(database, body='{"id":1}') is None
    assert _once(database, body='{"id":2}') == Replay(201, '{"id":1}', {"Location": "/v1/jobs/x"})


def test_another_body_under_the_same_key_is_refused(database: Database) -> None:
    _once(database)
    with pytest.raises(Unprocessable):
        _once(database, fingerprint="other")


def test_a_request_that_failed_leaves_its_key_free(database: Database) -> None:
    with pytest.raises(RuntimeError), database.unit_of_work() as connection:
        idempotency.begin(connection, project="p", key="k", operation="POST /v1/jobs", fingerprint="f")
        raise RuntimeError
    assert _once(database) is None


def test_forty_requests_at_once_have_one_effect(database: Database) -> None:
    answers: list[Replay | None] = []
    threads = [threading.Thread(target=lambda: answers.append(_once(database))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 40
    assert answers.count(None) == 1


def test_keys_are_forgotten_after_a_day(database: Database) -> None:
    _once(database)
    with database.unit_of_work() as connection:
        assert idempotency.expire(connection) == 0
        connection.execute(update(table).values(created_at=table.c.created_at - 25 * 3600))
        assert idempotency.expire(connection) == 1
    assert _once(database) is None
