"""The one door through which a job changes: a conditional UPDATE with its events, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, update

from models import events
from models.clock import now
from models.identifiers import new_id
from models.tables import jobs, outbox


def change(
    connection: Connection,
    condition: ColumnElement[bool],
    values: Mapping[str, Any],
    *,
    entries: Sequence[events.Entry] = (),
) -> Row[Any] | None:
    """Change the one job that meets the condition and write its events; None where no job meets it (any more).

    The condition decides a race: the row's lock orders the contenders, and the second one finds the status it wanted
    gone.
    """
    statement = (
        update(jobs)
        .where(condition)
        .values(**values, event_seq=jobs.c.event_seq + len(entries), revision=jobs.c.revision + 1)
        .returning(*jobs.c)
    )
    row = connection.execute(statement).one_or_none()
    if row is not None:
        events.write(connection, job_id=row.id, last_seq=row.event_seq, entries=entries)
    return row


def ring(connection: Connection, *, job_id: str, pool: str, delay_seconds: float = 0.0) -> None:
    """Leave a doorbell row for a job that has just been queued; it is rung after the commit, and again until the job is
    claimed.
    """
    connection.execute(delete(outbox).where(outbox.c.job_id == job_id, outbox.c.kind == "doorbell"))
    connection.execute(
        insert(outbox).values(
            id=new_id("evt"), kind="doorbell", job_id=job_id, pool=pool, due_at=now() + delay_seconds
        ),
    )


def hush(connection: Connection, *, job_id: str) -> None:
    """Take away the doorbell row of a job that is no longer waiting."""
    connection.execute(delete(outbox).where(outbox.c.job_id == job_id, outbox.c.kind == "doorbell"))
