"""Doorbells: the row that a queued job leaves for the workers of its pool.

It is written with the job's change to `queued`, rung after that commit, and again by a sweep until the job is claimed:
losing a ring costs seconds, never a job.
"""

from __future__ import annotations

from sqlalchemy import Connection, Double, Insert, bindparam, delete, func, select

from models.clock import now
from models.prepared import Prepared
from models.tables import doorbells
from models.upserts import INSERTS


def leave(connection: Connection, *, job_id: str, pool: str, delay_seconds: float = 0.0) -> None:
    """Leave a doorbell for a job that has just been queued."""
    _LEAVE.run(connection, {"job_id": job_id, "pool": pool, "delay": delay_seconds})


def take_away(connection: Connection, *, job_id: str) -> None:
    """Take away the doorbell of a job that is no longer waiting."""
    _TAKE_AWAY.run(connection, {"of_job": job_id})


def overdue(connection: Connection, *, older_than_seconds: float = 0.0) -> dict[str, int]:
    """How many doorbells each pool is owed."""
    rows = connection.execute(
        select(doorbells.c.pool, func.count().label("num_jobs"))
        .where(doorbells.c.due_at <= now() - older_than_seconds)
        .group_by(doorbells.c.pool),
    )
    return {row.pool: row.num_jobs for row in rows}


def _leave(dialect: str) -> Insert:
    statement = INSERTS[dialect](doorbells).values(due_at=now() + bindparam("delay", type_=Double))
    renewed = {"pool": statement.excluded.pool, "due_at": statement.excluded.due_at}
    return statement.on_conflict_do_update(index_elements=["job_id"], set_=renewed)


_LEAVE = Prepared({dialect: _leave(dialect) for dialect in INSERTS}, columns=("job_id", "pool"))
_TAKE_AWAY = Prepared(delete(doorbells).where(doorbells.c.job_id == bindparam("of_job")))
