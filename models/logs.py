"""A job's log: one text over all attempts, addressed by byte offset, kept in chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, insert, select

from models.tables import log_chunks

#: A log longer than this is cut off with a line that says so: a chatty job must not fill the database.
LONGEST_LOG_BYTES: Final = 16 << 20
_LONGEST_READ_BYTES: Final = 1 << 20
_CUT_OFF: Final = b"[the log is cut off here: it has reached its limit]\n"


@dataclass(frozen=True, slots=True)
class LogPart:
    """A piece of a log, and the offset behind it."""

    content: bytes
    next_after: int


def append(connection: Connection, *, job_id: str, attempt: int, content: bytes) -> None:
    """Append text to the log; call it inside `leases.holding`."""
    end = length(connection, job_id=job_id)
    room = LONGEST_LOG_BYTES - end
    if room <= 0 or not content:
        return
    kept = content if len(content) <= room else content[:room] + _CUT_OFF
    connection.execute(insert(log_chunks).values(job_id=job_id, start=end, attempt=attempt, content=kept))


def length(connection: Connection, *, job_id: str) -> int:
    """The log's length in bytes."""
    last = connection.execute(
        select(log_chunks.c.start, func.length(log_chunks.c.content).label("size"))
        .where(log_chunks.c.job_id == job_id)
        .order_by(log_chunks.c.start.desc())
        .limit(1),
    ).one_or_none()
    return 0 if last is None else last.start + last.size


def read(connection: Connection, *, job_id: str, after: int = 0) -> LogPart:
    """Up to a mebibyte of the log behind an offset."""
    holds_the_offset = (
        select(func.max(log_chunks.c.start))
        .where(log_chunks.c.job_id == job_id, log_chunks.c.start <= after)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(log_chunks.c.start, log_chunks.c.content)
        .where(log_chunks.c.job_id == job_id, log_chunks.c.start >= func.coalesce(holds_the_offset, 0))
        .order_by(log_chunks.c.start),
    )
    parts: list[bytes] = []
    size = 0
    for row in rows:
        parts.append(row.content[max(0, after - row.start) :])
        size += len(parts[-1])
        if size >= _LONGEST_READ_BYTES:
            break
    return LogPart(b"".join(parts), after + size)


def tail(connection: Connection, *, job_id: str, num_lines: int) -> LogPart:
    """The last lines of the log."""
    end = length(connection, job_id=job_id)
    rows = connection.execute(
        select(log_chunks.c.content).where(log_chunks.c.job_id == job_id).order_by(log_chunks.c.start.desc()),
    )
    text = b""
    for row in rows:
        text = row.content + text
        if text.count(b"\n") > num_lines or len(text) >= _LONGEST_READ_BYTES:
            break
    lines = text.splitlines(keepends=True)
    return LogPart(b"".join(lines[max(0, len(lines) - num_lines) :]), end)
