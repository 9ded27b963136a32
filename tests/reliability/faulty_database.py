"""A SQLite database whose clock is moved by hand and whose transactions fail on demand."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from models.database import Connection, Database
from models.errors import Unavailable

DAY_SECONDS = 86_400.0
_EPOCH_JULIAN_DAYS = 2_440_587.5
_START_SECONDS = 1_800_000_000.0


class FaultyDatabase(Database):
    """A database whose clock is the world's, and whose next transaction may fail."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.clock_seconds = _START_SECONDS
        self.fails: int | None = None  # in that many statements; 0 is before the first
        self.loses_answer = False
        event.listen(self.engine, "connect", self._set_up)
        event.listen(self.engine, "before_cursor_execute", self._count)

    def _set_up(self, connection: Any, _record: Any) -> None:
        connection.create_function("julianday", 1, lambda _: _EPOCH_JULIAN_DAYS + self.clock_seconds / DAY_SECONDS)
        connection.execute("pragma synchronous = off")

    def _count(self, *_: Any) -> None:
        if self.fails is None:
            return
        if self.fails == 0:
            self.fails = None
            raise Unavailable("the database is away")
        self.fails -= 1

    @contextmanager
    def unit_of_work(self) -> Iterator[Connection]:
        """As of old, unless it fails."""
        with super().unit_of_work() as connection:
            yield connection
        if self.loses_answer:
            self.loses_answer = False
            raise Unavailable("the connection broke behind the commit")
