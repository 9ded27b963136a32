"""The audit log: who did what, when, from where, and what was refused to whom.

A line is written in the transaction of the change that it tells of, so there is neither without the other. The database
itself refuses to change a line, and to delete one younger than `LEAST_DAYS`. It holds no bodies and no secrets.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select

from models.clock import now, rfc3339
from models.identifiers import new_id
from models.pages import PageRequest
from models.prepared import Prepared
from models.tables import audit_log

Outcome = Literal["done", "refused"]

#: The triggers of the schema keep younger lines.
LEAST_DAYS: Final = 30
_DAY_SECONDS: Final = 86400.0
#: The actor where no request was made.
SERVICE: Final = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a line tells. `status` is that of a refusal; `unrecorded` counts refusals before it that were too many."""

    project: str | None
    actor: str | None
    operation: str
    resource: str | None = None
    address: str | None = None
    request_id: str | None = None
    outcome: Outcome = "done"
    status: int | None = None
    unrecorded: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log."""

    id: str
    at: float
    entry: Entry

    def document(self) -> dict[str, Any]:
        """The line as the API shows it."""
        return {"id": self.id, "at": rfc3339(self.at), **asdict(self.entry)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What the log is narrowed to; every given condition must hold."""

    project: str | None = None
    actor: str | None = None
    operation: str | None = None
    resource: str | None = None
    outcome: str | None = None
    after: float | None = None
    before: float | None = None


def write(connection: Connection, entry: Entry) -> None:
    """Add a line, in the caller's transaction."""
    _INSERT.run(connection, {"id": new_id("aud"), **{name: getattr(entry, name) for name in _FIELDS}})


def listing(connection: Connection, *, where: AuditFilter, page: PageRequest) -> list[Line]:
    """Lines, newest first, up to one more than the page holds."""
    conditions: list[ColumnElement[bool]] = [
        audit_log.c[name] == value
        for name in ("project", "actor", "operation", "resource", "outcome")
        if (value := getattr(where, name)) is not None
    ]
    if where.after is not None:
        conditions.append(audit_log.c.at > where.after)
    if where.before is not None:
        conditions.append(audit_log.c.at < where.before)
    if page.before is not None:
        conditions.append(audit_log.c.id < page.before)
    statement = select(audit_log).where(*conditions).order_by(audit_log.c.id.desc()).limit(page.limit + 1)
    return [_line(row) for row in connection.execute(statement)]


def forget(connection: Connection, *, days: int) -> int:
    """Delete the lines that are older than so many days, `LEAST_DAYS` or more; returns how many."""
    return connection.execute(
        delete(audit_log).where(audit_log.c.at < now() - max(days, LEAST_DAYS) * _DAY_SECONDS)
    ).rowcount


def _line(row: Row[Any]) -> Line:
    told = {name: value for name, value in row._mapping.items() if name not in {"id", "at"}}  # noqa: SLF001
    return Line(row.id, row.at, Entry(**told))


_FIELDS: Final = tuple(field.name for field in fields(Entry))
_INSERT = Prepared(insert(audit_log).values(at=now()), columns=("id", *_FIELDS))
