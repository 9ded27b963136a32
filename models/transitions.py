"""The one door through which a job changes: a conditional UPDATE with its events, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, update

from models import events
from models.tables import jobs


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
