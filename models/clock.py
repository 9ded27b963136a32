"""Time: the database's clock in SQL, and RFC 3339 on the wire.

Leases and due times are compared with the database's own clock only, so that no two machines' clocks are ever compared.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now(FunctionElement[float]):  # noqa: N801  reads as SQL's own now()
    """Seconds since the epoch by the database's clock at this statement (not at the transaction's start)."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # unixepoch('subsec') needs SQLite 3.42


@compiles(now, "postgresql")
def _now_postgresql(*_: Any, **__: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


def rfc3339(seconds: float | None) -> str | None:
    """`2026-11-22T10:20:30.123456Z`, or None for a time that has not come."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> float:
    """Seconds since the epoch. Raises ValueError for anything but a time with an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset, such as 2026-11-22T10:20:30Z")
    return moment.timestamp()
