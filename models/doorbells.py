"""Doorbells that have not been heard: queued jobs whose row in the outbox is due."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from models.clock import now
from models.tables import outbox


def overdue(connection: Connection, *, older_than_seconds: float = 0.0) -> dict[str, int]:
    """How many doorbells each pool is owed."""
    rows = connection.execute(
        select(outbox.c.pool, func.count().label("num_jobs"))
        .where(outbox.c.kind == "doorbell", outbox.c.due_at <= now() - older_than_seconds)
        .group_by(outbox.c.pool),
    )
    return {row.pool: row.num_jobs for row in rows}
