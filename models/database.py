"""The engine, and `unit_of_work()`: the one place where anything is committed.

SQLite and PostgreSQL go through the same code. On SQLite every write transaction begins with `BEGIN IMMEDIATE` (a
deferred one that upgrades later fails at once, whatever the timeout) and takes its turn by a file lock, because
SQLite's own busy handler sleeps and retries: under load that costs seconds and is unfair. WAL is used only where SQLite
carries the fix of the WAL-reset bug (3.51.3, 3.50.7, 3.44.6 and later); elsewhere a rollback journal is as fast for our
load and cannot be corrupted by it. Its file stays, because growing it anew for each commit makes every sync dearer.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool

from models.errors import Unavailable
from models.prepared import Glance, MustWait, Reader

__all__ = ["Connection", "Database", "MustWait", "Reader", "answering", "check_integrity", "wal_is_safe"]

T = TypeVar("T")

_WRITES: Final = "trainyard_writes"
_BUSY_TIMEOUT_SECONDS: Final = 10.0
_JOURNAL_BYTES: Final = 16 << 20  # what one large transaction has left behind is given back
_POOL_SIZE: Final = 16
_MAX_OVERFLOW: Final = 32
_POSTGRESQL_OPTIONS: Final = "-c statement_timeout=5000 -c idle_in_transaction_session_timeout=30000"


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite carries the fix of the WAL-reset bug, which can corrupt a database written by several
    processes.
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


class Database:
    """A pool of connections to one database. Raises `Unavailable` where the database does not answer."""

    def __init__(self, url: str) -> None:
        self.url: Final[URL] = make_url(url)
        self.is_sqlite: Final = self.url.get_backend_name() == "sqlite"
        self.engine: Final[Engine] = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        self._turn: Final = _Turn(Path(f"{self.url.database}.lock")) if self.is_sqlite else None
        self._glances: Final = _Glances(str(self.url.database)) if self.is_sqlite else None

    @contextmanager
    def unit_of_work(self) -> Iterator[Connection]:
        """One write transaction: committed at the end, rolled back on any exception."""
        with answering():
            if self._turn is None:
                with self.engine.begin() as connection:
                    yield connection
            else:
                with (
                    self.engine.connect() as connection,
                    self._turn.taken(),
                    connection.execution_options(**{_WRITES: True}).begin(),
                ):
                    yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One read-only view; nothing done in it lasts."""
        with answering(), self.engine.connect() as connection:
            yield connection

    def glance(self, read: Callable[[Reader], T]) -> T:
        """What `read` finds by prepared statements, at once and in one view: for an event loop, which may not wait.

        Raises `MustWait` where it would have to: while somebody commits to SQLite, and for PostgreSQL always.
        """
        if self._glances is None:
            raise MustWait
        return self._glances.take(read)

    def read(self, read: Callable[[Reader], T]) -> T:
        """What `read` finds, however long it takes."""
        with self.reading() as connection:
            return read(connection)

    def answers(self) -> bool:
        """Whether the database answers a query now."""
        try:
            with self.reading() as connection:
                connection.execute(text("select 1"))
        except Unavailable:
            return False
        return True

    @property
    def num_busy(self) -> int:
        """Connections that are in use now, by this process."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    def check_writes(self) -> None:
        """Write something that changes nothing. Raises `Unavailable`: gone, full, read-only, or not migrated at all."""
        with self.unit_of_work() as connection:
            connection.execute(text("update alembic_version set version_num = version_num"))

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        if self._turn is not None:
            self._turn.close()
        if self._glances is not None:
            self._glances.close()


class _Turn:
    """Lets one writer at a time into a SQLite database, across the threads and processes of this machine, in order of
    arrival.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._threads = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def taken(self) -> Iterator[None]:
        with self._threads:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)


class _Glances:
    """One connection to a SQLite file that gives up instead of waiting."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._driver: sqlite3.Connection | None = None

    def take(self, read: Callable[[Reader], T]) -> T:
        if not self._lock.acquire(blocking=False):
            raise MustWait
        try:
            glance = Glance(self._opened)
            try:
                return read(glance)
            finally:
                glance.close()
        except sqlite3.DatabaseError as error:  # who waits in a thread hears what it is
            raise MustWait from error
        finally:
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            if self._driver is not None:
                self._driver.close()
                self._driver = None

    def _opened(self) -> sqlite3.Connection:
        if self._driver is None:
            self._driver = sqlite3.connect(self._path, timeout=0.0, isolation_level=None, check_same_thread=False)
            self._driver.execute("pragma query_only = on")
        return self._driver


@contextmanager
def answering() -> Iterator[None]:
    """Turn what the drivers raise when a database does not answer into `Unavailable`."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, sqlite3.OperationalError) as error:
        raise _silent() from error
    except exc.DBAPIError as error:
        # A PostgreSQL server that has become a read-only standby answers with an InternalError on a live connection.
        if not (error.connection_invalidated or isinstance(error, exc.InternalError)):
            raise
        raise Unavailable("The database closed the connection.", headers={"Retry-After": "1"}) from error
    except Exception as error:
        if _is_outage(error):
            raise _silent() from error
        raise


def _silent() -> Unavailable:
    return Unavailable("The database does not answer.", headers={"Retry-After": "1"})


def _is_outage(error: Exception) -> bool:
    """Whether PostgreSQL's driver raised it in a prepared statement, whose errors SQLAlchemy does not wrap. On SQLite
    the driver is never loaded.
    """
    psycopg: Any = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(error, psycopg.OperationalError | psycopg.InternalError)


# Errors and logs never carry what was written or read: among it are secrets. Statements are logged without their
# parameters, and rows, which SQLAlchemy logs at DEBUG, not at all.
logging.getLogger("sqlalchemy.engine.Engine").addFilter(lambda record: record.levelno > logging.DEBUG)


def _sqlite_engine(url: URL) -> Engine:
    if url.database is None or url.database in {"", ":memory:"}:
        raise ValueError("an in-memory SQLite database cannot be shared by API and worker: give a file")
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=_POOL_SIZE,
        max_overflow=_MAX_OVERFLOW,
        pool_use_lifo=True,  # the connection that has just written knows the pages that are written next
        connect_args={"timeout": _BUSY_TIMEOUT_SECONDS, "isolation_level": None, "check_same_thread": False},
    )
    journal_mode = "WAL" if wal_is_safe(sqlite3.sqlite_version_info) else "PERSIST"

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"pragma journal_mode = {journal_mode}")
        cursor.execute(f"pragma journal_size_limit = {_JOURNAL_BYTES}")
        cursor.execute("pragma synchronous = full")
        cursor.execute("pragma foreign_keys = on")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("begin immediate" if writes else "begin")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    from models.patience import PatientConnection  # on SQLite nobody waits for its driver to load

    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=_POOL_SIZE,
        max_overflow=_MAX_OVERFLOW,
        pool_pre_ping=True,
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "tcp_user_timeout": 10_000,
            "options": _POSTGRESQL_OPTIONS,
        },
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, words: Any, named: Any) -> Any:
        return PatientConnection.connect(*words, **named)

    return engine


def check_integrity(database: Database) -> None:
    """Refuse to start on a damaged SQLite file. Raises `Unavailable` with SQLite's own finding; PostgreSQL checks
    itself.
    """
    if not database.is_sqlite:
        return
    with database.reading() as connection:
        finding = connection.exec_driver_sql("pragma quick_check(1)").scalar_one()
    if finding != "ok":
        raise Unavailable(f"The SQLite database is damaged: {finding}")
