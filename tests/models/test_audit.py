"""The audit log: what was done stays written, whoever speaks to the database."""

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from models import audit, keys
from models.audit import AuditFilter, Entry
from models.clock import now
from models.database import Database
from models.pages import PageRequest
from models.tables import audit_log

DAY = 86400.0


def _write(database: Database, *, age_days: float = 0.0, **words: object) -> None:
    entry = Entry(**{"project": "default", "actor": "key_1", "operation": "create_job", **words})
    with database.unit_of_work() as connection:
        audit.write(connection, entry)
    if age_days:
        with database.unit_of_work() as connection:
            row = connection.execute(select(audit_log).order_by(audit_log.c.id.desc()).limit(1)).one()._asdict()
            row |= {"id": f"{row['id'][:-4]}-old", "at": row["at"] - age_days * DAY}
            connection.execute(insert(audit_log).values(**row))


def _lines(database: Database, **where: object) -> list[audit.Line]:
    with database.reading() as connection:
        return audit.listing(connection, where=AuditFilter(**where), page=PageRequest())


@pytest.mark.parametrize(
    "change",
    [
        update(audit_log).values(actor="somebody else"),
        update(audit_log).values(at=0.0),
        delete(audit_log),
        delete(audit_log).where(audit_log.c.at > now() - 29 * DAY),
    ],
    ids=["rewrite", "age", "empty", "forget"],
)
def test_the_database_refuses_to_change_the_log(database: Database, change) -> None:
    _write(database)
    with pytest.raises(DBAPIError, match="the audit log is append-only"), database.unit_of_work() as connection:
        connection.execute(change)
    assert [line.entry.actor for line in _lines(database)] == ["key_1"]


def test_postgresql_refuses_to_empty_the_log_at_one_go(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    _write(database)
    with pytest.raises(DBAPIError, match="append-only"), database.unit_of_work() as connection:
        connection.execute(text("truncate audit_log"))
    assert len(_lines(database)) == 1
    database.close()


def test_old_lines_go_when_their_time_is_over_and_never_before_thirty_days(database: Database) -> None:
    _write(database, age_days=31)
    _write(database, age_days=20)
    with database.unit_of_work() as connection:
        assert audit.forget(connection, days=32) == 0
        assert audit.forget(connection, days=1) == 1
    assert len(_lines(database)) == 3


def test_the_log_is_narrowed_by_every_condition(database: Database) -> None:
    _write(database)
    _write(database, project="other", actor="oidc:ada", operation="cancel_job", resource="job_1", outcome="refused")
    assert [line.entry.project for line in _lines(database)] == ["other", "default"]
    for condition in (
        {"project": "other"},
        {"actor": "oidc:ada"},
        {"operation": "cancel_job"},
        {"resource": "job_1"},
        {"outcome": "refused"},
    ):
        assert [line.entry.resource for line in _lines(database, **condition)] == ["job_1"]
    moment = _lines(database)[0].at
    assert len(_lines(database, after=moment - 3600)) == len(_lines(database, before=moment + 3600)) == 2
    assert _lines(database, after=moment + 3600) == _lines(database, before=moment - 3600) == []


def test_a_change_that_is_taken_back_leaves_no_line(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.unit_of_work() as connection:
        audit.write(connection, Entry(project="default", actor="key_1", operation="create_job"))
        raise ZeroDivisionError
    assert _lines(database) == []


def test_the_first_key_is_written_down(database: Database) -> None:
    with database.unit_of_work() as connection:
        keys.ensure_admin(connection)
    (line,) = _lines(database)
    assert (line.entry.actor, line.entry.operation) == ("service", "create_key")
    assert line.document()["resource"].startswith("key_")
