"""Explained waiting: how many jobs stand before a queued one, and why it is not running."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, func, or_, select

from models.clock import now
from models.job import Queue
from models.status import Status
from models.tables import jobs, workers

#: Counting stops here, so that a long queue costs no more to explain than a short one.
LONGEST_COUNT: Final = 1000
_ALIVE_SECONDS: Final = 60.0


def explain(connection: Connection, job: Row[Any]) -> Queue | None:
    """The queue entry of a job's row; None unless it is queued."""
    if job.status != Status.QUEUED:
        return None
    before = (
        select(jobs.c.id)
        .where(
            jobs.c.status == "queued",
            jobs.c.pool == job.pool,
            or_(
                jobs.c.priority > job.priority,
                (jobs.c.priority == job.priority) & (jobs.c.available_at < job.available_at),
                (jobs.c.priority == job.priority) & (jobs.c.available_at == job.available_at) & (jobs.c.id < job.id),
            ),
        )
        .limit(LONGEST_COUNT)
    )
    ahead = connection.execute(select(func.count()).select_from(before.subquery())).scalar_one()
    alive = connection.execute(
        select(workers.c.id)
        .where(workers.c.pool == job.pool, workers.c.seen_at > now() - _ALIVE_SECONDS, ~workers.c.draining)
        .limit(1),
    ).first()
    return Queue(ahead=ahead, reason="no_worker" if alive is None else "busy")
