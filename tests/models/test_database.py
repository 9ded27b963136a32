"""The database: what is committed lasts, what fails leaves nothing, an outage has one name, SQLite is used safely."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, inspect, select, text

from models import service_secrets
from models.database import Database, check_integrity, wal_is_safe
from models.errors import Unavailable
from models.migrations import is_current, migrate
from models.tables import metadata
from models.tables import service_secrets as table


def _count(database: Database) -> int:
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_unit_of_work_is_committed_at_its_end_and_rolled_back_on_an_error(database: Database) -> None:
    with database.unit_of_work() as connection:
        service_secrets.obtain(connection, "kept")
    with pytest.raises(RuntimeError), database.unit_of_work() as connection:
        service_secrets.obtain(connection, "dropped")
        raise RuntimeError
    assert _count(database) == 1


def test_the_migrated_schema_is_the_one_in_the_tables(database: Database) -> None:
    inspector = inspect(database.engine)
    for name, expected in metadata.tables.items():
        columns = {column["name"]: column["nullable"] for column in inspector.get_columns(name)}
        assert columns == {column.name: column.nullable for column in expected.columns}, name
        indexes = {index["name"] for index in inspector.get_indexes(name)} | {"ix_jobs_claim"}
        assert {index.name for index in expected.indexes} <= indexes, name
    assert is_current(database)


def test_migrating_again_changes_nothing(database: Database) -> None:
    with database.unit_of_work() as connection:
        value = service_secrets.obtain(connection, "kept")
    migrate(database)
    with database.unit_of_work() as connection:
        assert service_secrets.obtain(connection, "kept") == value


def test_jobs_that_wait_during_a_migration_keep_the_device_that_they_ask_for(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    migrate(database, to="0001")
    submitted = {"cuda": "queued", "auto": "paused"}
    with database.unit_of_work() as connection:
        for device, status in submitted.items():
            connection.execute(
                text(_OLD_JOB), {"device": f'{{"resources": {{"device": "{device}"}}}}', "status": status}
            )
    migrate(database)
    with database.reading() as connection:
        found = connection.execute(text("select device, status from jobs")).all()
    assert {row.device: row.status for row in found} == submitted
    database.close()


_OLD_JOB = """insert into jobs (id, project, status, phase, pool, priority, labels, spec, resolved_spec, spec_hash,
    warnings, created_at, queued_at, available_at, attempt, generation, scratch_attempt, infrastructure_failures,
    user_failures, stalled_attempts, event_seq, revision)
    values (:status, 'p', :status, 'waiting', 'default', 0, '{}', :device, '{}', '', '[]',
    0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1)
"""


def test_the_claim_index_serves_the_claim(database: Database) -> None:
    if database.is_sqlite:
        query = "explain query plan select id from jobs where status = 'queued' and pool = 'a' and available_at <= 1 "
        query += "order by priority desc, queued_at, id limit 1"
        with database.reading() as connection:
            plan = str(connection.execute(text(query)).all())
            assert "ix_jobs_claim" in plan
            assert "TEMP B-TREE" not in plan, "nothing is sorted"
    else:
        with database.reading() as connection:
            definition = connection.execute(text("select indexdef from pg_indexes where indexname = 'ix_jobs_claim'"))
            assert "priority DESC" in definition.scalar_one()


def test_writers_of_many_threads_take_turns(database: Database) -> None:
    def write(number: int) -> None:
        with database.unit_of_work() as connection:
            service_secrets.obtain(connection, f"secret-{number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _count(database) == 24


def test_a_database_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable), Database("postgresql://nobody@127.0.0./none").reading():
        pytest.fail("connected to nothing")
    assert not Database("postgresql://nobody@127.0.0./none").answers()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(Unavailable):
        check_integrity(Database(f"sqlite:///{path}"))


def test_an_in_memory_database_is_refused() -> None:
    with pytest.raises(ValueError, match="give a file"):
        Database("sqlite://")


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
    ],
)
def test_wal_is_used_only_where_its_reset_bug_is_mended(version: tuple[int, int, int], safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_sqlite_writes_are_durable_and_in_a_safe_journal_mode(sqlite_url: str) -> None:
    with Database(sqlite_url).reading() as connection:
        mode = connection.exec_driver_sql("pragma journal_mode").scalar_one()
        synchronous = connection.exec_driver_sql("pragma synchronous").scalar_one()
    assert mode == ("wal" if wal_is_safe(sqlite3.sqlite_version_info) else "persist")
    assert synchronous == 2


def test_a_server_that_has_become_read_only_is_unavailable(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with pytest.raises(Unavailable), database.unit_of_work() as connection:
        connection.exec_driver_sql("set transaction read only")
        service_secrets.obtain(connection, "never")
    database.close()
