"""Group commit: one thread writes for everybody who waits, and syncs to disk once for all of them.

A commit to SQLite costs a few syncs however little it holds, and there is one writer at a time anyway. So the units of
work that arrive while one batch is being written become the next batch: one transaction, each unit in a savepoint of
its own. A unit that fails undoes itself and nothing else; nobody is answered before the commit, and where that fails,
nothing of the batch has happened and everybody hears so. On PostgreSQL, whose writers do not wait for each other, every
unit is a transaction of its own in a thread of its own.

The thread is called when the event loop has nothing else to do at the moment. Called by the first unit of a burst, it
would fight the loop for the interpreter's lock at every statement, while the loop is still busy with the others.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from models.database import Database, answering
from models.errors import Unavailable

T = TypeVar("T")

#: A batch is closed after so many units, or after so long: other processes write too.
MOST_UNITS: Final = 64
_MOST_SECONDS: Final = 0.025
_STOPPING: Final = "The service is stopping."


@dataclass(slots=True)
class _Unit:
    """What somebody wants written, and whom to tell."""

    work: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    told: asyncio.Future[Any]
    context: Context = field(default_factory=copy_context)
    found: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Answer; in the event loop."""
        if self.told.done():  # whoever asked has gone
            return
        if self.error is None:
            self.told.set_result(self.found)
        else:
            self.told.set_exception(self.error)


class Writer:
    """Writes for the coroutines of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Unit] = deque()
        self._lock = threading.Lock()  # nothing arrives once it is closed
        self._is_called = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_on, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        if self._database.is_sqlite:
            self._thread.start()

    def close(self, *, timeout_seconds: float = 10.0) -> None:
        """Write what waits, and then no more."""
        with self._lock:
            self._is_closed = True
        self._is_called.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` answers, once what it wrote is on the disk. Raises what it raises, and `Unavailable`."""
        if not self._database.is_sqlite:
            return await asyncio.to_thread(self._alone, work)
        loop = asyncio.get_running_loop()
        unit = _Unit(work, loop, loop.create_future())
        with self._lock:
            if self._is_closed:
                raise Unavailable(_STOPPING)
            self._waiting.append(unit)
        loop.call_soon(self._is_called.set)  # behind all that is ready now, so that what arrives together goes together
        answer: T = await unit.told
        return answer

    def _alone(self, work: Callable[[Connection], T]) -> T:
        with self._database.unit_of_work() as connection:
            return work(connection)

    def _write_on(self) -> None:
        while True:
            self._is_called.wait()
            self._is_called.clear()
            while self._waiting:
                self._write_batch()
            with self._lock:
                if self._is_closed and not self._waiting:
                    return

    def _write_batch(self) -> None:
        batch = [self._waiting.popleft()]
        try:
            with self._database.unit_of_work() as connection:
                driver: Any = connection.connection.driver_connection
                for unit in self._arriving(batch):
                    _write(unit, connection, driver)
        except BaseException as error:  # noqa: BLE001  whoever waits must hear of it, and this thread must live
            for unit in batch:
                unit.error = unit.error or error
        _tell(batch)

    def _arriving(self, batch: list[_Unit]) -> Iterator[_Unit]:
        """The units of a batch, the first of which is there: as many as come while it is being written."""
        deadline = time.monotonic() + _MOST_SECONDS
        yield batch[0]
        while self._waiting and len(batch) < MOST_UNITS and time.monotonic() < deadline:
            batch.append(self._waiting.popleft())
            yield batch[-1]


def _write(unit: _Unit, connection: Connection, driver: sqlite3.Connection) -> None:
    """Do one unit's work, or undo it. Raises what made SQLite give up the whole transaction."""
    driver.execute("savepoint unit")
    try:
        with answering():
            unit.found = unit.context.run(unit.work, connection)
    except BaseException as error:
        if not driver.in_transaction:  # a full disk, for one, ends it: what others wrote is gone as well
            raise
        driver.execute("rollback to unit")
        unit.error = error
    driver.execute("release unit")


def _tell(batch: list[_Unit]) -> None:
    """Wake everybody, with one call into each event loop."""
    for loop in {unit.loop for unit in batch}:
        mine = [unit for unit in batch if unit.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell_all, mine)


def _tell_all(units: list[_Unit]) -> None:
    for unit in units:
        unit.tell()
