"""Explained waiting: how many jobs stand before a queued one, and why it is not running."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, literal_column, or_, select

from models.clock import now
from models.job import Queue
from models.status import Status
from models.tables import jobs, workers
from models.workers import ALIVE_SECONDS

#: Counting stops here, so that a long queue costs no more to explain than a short one.
LONGEST_COUNT: Final = 1000


def explain(connection: Connection, job: Row[Any]) -> Queue | None:
    """The queue entry of a job's row; None unless it is queued."""
    if job.status != Status.QUEUED:
        return None
    place = {"of_pool": job.pool, "priority": job.priority, "available_at": job.available_at, "id": job.id}
    ahead = connection.execute(_AHEAD, place).scalar_one()
    alive = connection.execute(_ALIVE, {"of_pool": job.pool}).first()
    return Queue(ahead=ahead, reason="no_worker" if alive is None else "busy")


_AHEAD = select(func.count()).select_from(
    select(jobs.c.id)
    .where(
        jobs.c.status == literal_column("'queued'"),  # a literal, so that the partial index fits
        jobs.c.pool == bindparam("of_pool"),
        or_(
            jobs.c.priority > bindparam("priority"),
            (jobs.c.priority == bindparam("priority")) & (jobs.c.available_at < bindparam("available_at")),
            (jobs.c.priority == bindparam("priority"))
            & (jobs.c.available_at == bindparam("available_at"))
            & (jobs.c.id < bindparam("id")),
        ),
    )
    .limit(LONGEST_COUNT)
    .subquery(),
)
_ALIVE = (
    select(workers.c.id)
    .where(workers.c.pool == bindparam("of_pool"), workers.c.seen_at > now() - ALIVE_SECONDS, ~workers.c.draining)
    .limit(1)
)
