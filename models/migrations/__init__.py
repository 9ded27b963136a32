"""Schema migrations (Alembic), run by the start: `migrate(database)`, or `python -m models.migrations`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from models.database import Database, check_integrity
from models.errors import Unavailable

_ADVISORY_LOCK: Final = 7_472_616_969  # any number, the same in every process
_POLL_SECONDS: Final = 0.05


def migrate(database: Database, *, to: str = "head") -> None:
    """Bring the schema up to date; several processes may call it at once. Raises `Unavailable`."""
    check_integrity(database)
    if is_current(database):
        return
    with database.unit_of_work() as connection:
        if not database.is_sqlite:
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        configuration = _configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, to)


def is_current(database: Database) -> bool:
    """Whether the schema is the one that this code was written for."""
    with database.reading() as connection:
        there = MigrationContext.configure(connection).get_current_heads()
    return set(there) == set(ScriptDirectory.from_config(_configuration()).get_heads())


def wait_until_current(database: Database, *, timeout_seconds: float) -> None:
    """Wait for another process to migrate the schema. Raises `Unavailable` after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            if is_current(database):
                return
        except Unavailable:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise Unavailable("The database has not been migrated; run python -m models.migrations.")
        time.sleep(_POLL_SECONDS)


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return configuration
