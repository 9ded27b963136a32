"""Statements of the hot paths, compiled once and run on the driver's own cursor.

SQLAlchemy looks a statement up, binds, wraps and types it anew at each `execute`; for a row by its key that takes ten
times as long as the database does. A `Prepared` keeps the text and the order of its parameters for each database
system, and its rows are named tuples of what the driver returns. Columns that need converting (booleans, on SQLite) and
lists of parameters stay with `Connection.execute`.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.expression import ClauseElement

_DIALECTS: Final[dict[str, Callable[[], Dialect]]] = {
    "sqlite": sqlite.dialect,
    "postgresql": postgresql.psycopg.dialect,
}


class MustWait(Exception):
    """The database cannot be read without waiting."""


class Glance:
    """A read-only view of a SQLite database that never waits, from the first statement on: `models.database` opens and
    closes it.
    """

    def __init__(self, open_driver: Callable[[], sqlite3.Connection]) -> None:
        self._open_driver = open_driver
        self._driver: sqlite3.Connection | None = None

    @property
    def driver(self) -> sqlite3.Connection:
        """What statements are run on."""
        if self._driver is None:
            self._driver = self._open_driver()
            self._driver.execute("begin")
        return self._driver

    def close(self) -> None:
        """The view is over, if it was ever begun."""
        if self._driver is not None:
            self._driver.execute("rollback")

    def execute(self, *_: Any) -> NoReturn:
        """Raise `MustWait`: what is not prepared may take longer than an event loop has."""
        raise MustWait


#: What a prepared statement is run on.
Reader = Connection | Glance


class Prepared:
    """One statement, or one for each dialect where they do not speak alike."""

    def __init__(
        self, statement: ClauseElement | Mapping[str, ClauseElement], *, columns: Sequence[str] | None = None
    ) -> None:
        """`columns` are those of an INSERT that each run gives values for, besides what stands in the statement."""
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Text] = {}

    def run(self, connection: Reader, values: Mapping[str, Any]) -> int:
        """Run it for what it does; how many rows it touched."""
        cursor, _ = self._execute(connection, values)
        return int(cursor.rowcount)

    def all(self, connection: Reader, values: Mapping[str, Any]) -> list[Any]:
        """Every row."""
        cursor, text = self._execute(connection, values)
        return [text.row(row) for row in cursor.fetchall()]

    def first(self, connection: Reader, values: Mapping[str, Any]) -> Any | None:
        """The first row; None where there is none."""
        cursor, text = self._execute(connection, values)
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else text.row(row)

    def one(self, connection: Reader, values: Mapping[str, Any]) -> Any:
        """The row of a statement that always has one."""
        return self.all(connection, values)[0]

    def _execute(self, connection: Reader, values: Mapping[str, Any]) -> tuple[Any, _Text]:
        if isinstance(connection, Glance):
            driver: Any = connection.driver
            name = "sqlite"
        else:
            if not connection.in_transaction():
                connection.begin()
            driver, name = connection.connection.driver_connection, connection.dialect.name
        text = self._compiled.get(name) or self._compile(name)
        return driver.cursor().execute(text.sql, text.arguments(values)), text

    def _compile(self, name: str) -> _Text:
        statement = self._statement[name] if isinstance(self._statement, Mapping) else self._statement
        text = self._compiled[name] = _Text.of(statement, _DIALECTS[name](), columns=self._columns)
        return text


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as the driver takes it."""

    sql: str
    fixed: Mapping[str, Any]  # parameters that stand in the statement itself
    order: Sequence[str] | None  # of the parameters; None: they go by their names
    row: Callable[[Sequence[Any]], Any]

    @classmethod
    def of(cls, statement: ClauseElement, dialect: Dialect, *, columns: Sequence[str] | None) -> _Text:
        """Compile a statement."""
        more: dict[str, Any] = {} if columns is None else {"column_keys": list(columns)}
        compiled: Any = statement.compile(dialect=dialect, **more)
        names = [column.keyname for column in compiled._result_columns]  # noqa: SLF001  also those that are returned
        fixed = {name: value for name, value in compiled.params.items() if not compiled.binds[name].required}
        row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024  known only here
        return cls(str(compiled), fixed, compiled.positiontup if compiled.positional else None, row._make)

    def arguments(self, values: Mapping[str, Any]) -> Sequence[Any] | Mapping[str, Any]:
        """The values as the driver takes them. Raises KeyError for one that is missing."""
        if self.order is None:
            return {**self.fixed, **values}
        fixed = self.fixed
        return [values[name] if name in values else fixed[name] for name in self.order]
