"""How the databases find what is asked for most: by an index each, without looking at every row and without sorting."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import event

from models import candidates, deliveries, doorbells, events, jobs, queue, quotas
from models.database import Connection, Database
from models.job_filter import JobFilter
from models.pages import PageRequest
from models.prepared import Prepared
from models.status import Status

_TIMES = {"created_after": 1.0, "created_before": 2.0}
#: Filters of the list, each with the index that serves it and what it is searched by.
FILTERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "ix_jobs_project_id (project=?"),
    "an older page": ({"before": "job_2"}, "ix_jobs_project_id (project=? AND id<?"),
    "a time": (_TIMES, "ix_jobs_project_id (project=?"),
    "a status": ({"status": (Status.QUEUED,)}, "ix_jobs_project_status_id (project=? AND status=?"),
    "a name": ({"name": "digits"}, "ix_jobs_project_name_id (project=? AND name=?"),
    "a parent": ({"parent": "job_1"}, "ix_jobs_project_parent_id_id (project=? AND parent_id=?"),
    "a label": ({"labels": {"team": "risk"}}, "ix_job_labels_key_value_job_id (key=? AND value=?"),
}
#: Prepared statements of the hot paths.
PREPARED: Mapping[str, Prepared] = {
    "a job": jobs._GET,
    "a job's version": jobs._VERSION,
    "its history": jobs._HISTORY,
    "its attempts": jobs._ATTEMPTS,
    "jobs ahead in the queue": queue._AHEAD,
    "how long jobs take": queue._MEASURED,
    "queued jobs of a project": quotas._QUEUED,
    "running jobs of a project": quotas._RUNNING,
    "webhooks that are owed an event": deliveries._OWE,
    "an event": events._INSERT,
    "a doorbell": doorbells._LEAVE,
}
_SMALL = ("workers", "webhooks", "webhook_events", "quotas", "projects", "job_leases")  # few rows, however many jobs


def executed(database: Database, run: Callable[[Connection], object]) -> list[tuple[str, Any]]:
    """The statements that `run` makes through SQLAlchemy, with their parameters."""
    made: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        made.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    with database.reading() as connection:
        run(connection)
    event.remove(database.engine, "before_cursor_execute", note)
    return made


def explained(database: Database, run: Callable[[Connection], object]) -> list[str]:
    """How SQLite executes each of them, in a database that was never analysed."""
    return [line for made in executed(database, run) for line in plan(database, *made)]


def plan(database: Database, statement: str, parameters: Any) -> list[str]:
    with database.reading() as connection:
        driver: Any = connection.connection.driver_connection
        return [row[3] for row in driver.execute(f"explain query plan {statement}", parameters)]


def check(lines: list[str]) -> None:
    """No scan but of small tables and of what the query itself has limited, and no sorting."""
    scanned = [line.split()[1] for line in lines if line.startswith("SCAN ")]
    assert [name for name in scanned if name not in _SMALL and not name.startswith(("anon_", "(", "CONSTANT"))] == []
    assert [line for line in lines if "TEMP B-TREE" in line] == []


@pytest.fixture
def sqlite(sqlite_url: str) -> Database:
    return Database(sqlite_url)


@pytest.mark.parametrize("name", FILTERS)
def test_a_list_is_a_range_of_an_index(sqlite: Database, name: str) -> None:
    asked, index = FILTERS[name]
    page = PageRequest(limit=10, before=asked.get("before"))
    where = JobFilter(**{key: value for key, value in asked.items() if key != "before"})
    lines = explained(sqlite, lambda connection: jobs.listing(connection, project="default", where=where, page=page))
    check(lines)
    assert any(index in line for line in lines), lines


def test_the_next_job_is_the_first_of_its_index(sqlite: Database) -> None:
    lines = explained(sqlite, lambda connection: candidates.next_job(connection, pool="default", device="cpu"))
    check(lines)
    assert any("ix_jobs_claim (pool=?" in line for line in lines), lines


@pytest.mark.parametrize("name", PREPARED)
def test_what_every_request_asks_is_found_by_an_index(sqlite: Database, name: str) -> None:
    text = PREPARED[name]._compile("sqlite")
    check(plan(sqlite, text.sql, [None] * text.sql.count("?")))


def test_the_sweeps_look_at_what_is_due_alone(sqlite: Database) -> None:
    check(explained(sqlite, deliveries.is_any_due))
    lines = explained(sqlite, lambda connection: doorbells.overdue(connection, older_than_seconds=5.0))
    assert any("ix_doorbells_due_at (due_at<?" in line for line in lines), lines


def test_postgresql_has_an_index_for_the_next_job_and_for_a_page(postgresql_url: str) -> None:
    database, page = Database(postgresql_url), PageRequest(limit=10)

    def ask(connection: Connection) -> None:
        jobs.listing(connection, project="default", where=JobFilter(), page=page)
        candidates.next_job(connection, pool="default", device="cpu")

    found = []
    for statement, parameters in executed(database, ask):
        with database.reading() as connection:
            connection.exec_driver_sql("set enable_seqscan = off")  # no row at all is read faster than an index is
            rows = connection.exec_driver_sql(f"explain {statement}", parameters)
            found.append("\n".join(str(row[0]) for row in rows))
    database.close()
    listed, claimed = found
    assert "using ix_jobs_project_id" in listed, listed
    assert "using ix_jobs_claim" in claimed, claimed
    assert "Sort" not in claimed, claimed
