"""The whole service in numbers, for whoever watches over it: every project together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select

from models.clock import now
from models.json_text import decode
from models.status import Status
from models.tables import attempts, jobs, webhook_deliveries, workers
from models.workers import is_alive

#: Waits are told of so many jobs, however many there have been.
_NUM_NEWEST: Final = 500


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """A live worker: what it is, what it can do, and what it last said of itself."""

    name: str
    pool: str
    slots: int
    running: int
    draining: bool
    quarantined: int  # slots that take no job because their device has failed
    utilisation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Overview:
    """`jobs` counts by pool and status, `attempts` by outcome; waits are in seconds: of the job that is due longest,
    and of the newest jobs that have begun, from their making to their first attempt, by pool.
    """

    jobs: dict[tuple[str, str], int]
    oldest_wait_seconds: dict[str, float]
    attempts: dict[str, int]
    workers: list[WorkerFigures]
    pending_deliveries: int
    waits: dict[
        str, list[float]
    ]  # by pool, of the newest jobs that have begun: from their making to their first attempt


def overview(connection: Connection) -> Overview:
    """The figures as they are now."""
    by_status = select(jobs.c.pool, jobs.c.status, func.count().label("num")).group_by(jobs.c.pool, jobs.c.status)
    due = (
        select(jobs.c.pool, (now() - func.min(jobs.c.available_at)).label("seconds"))
        .where(jobs.c.status == Status.QUEUED)
        .group_by(jobs.c.pool)
    )
    outcomes = (
        select(attempts.c.outcome, func.count().label("num"))
        .where(attempts.c.outcome.is_not(None))
        .group_by(attempts.c.outcome)
    )
    pending = select(func.count()).where(webhook_deliveries.c.status == "pending")
    return Overview(
        jobs={(row.pool, row.status): row.num for row in connection.execute(by_status)},
        oldest_wait_seconds={row.pool: max(0.0, row.seconds) for row in connection.execute(due)},
        attempts={row.outcome: row.num for row in connection.execute(outcomes)},
        workers=_workers(connection),
        pending_deliveries=connection.execute(pending).scalar_one(),
        waits=_waits(connection),
    )


def _waits(connection: Connection) -> dict[str, list[float]]:
    newest = select(jobs.c.pool, jobs.c.created_at, jobs.c.started_at).order_by(jobs.c.id.desc()).limit(_NUM_NEWEST)
    found = newest.subquery()
    waits: dict[str, list[float]] = {}
    for row in connection.execute(select(found).where(found.c.started_at.is_not(None))):
        waits.setdefault(row.pool, []).append(max(0.0, row.started_at - row.created_at))
    return waits


def _workers(connection: Connection) -> list[WorkerFigures]:
    running = (
        select(func.count())
        .where(attempts.c.worker_id == workers.c.id, attempts.c.ended_at.is_(None))
        .correlate(workers)
        .scalar_subquery()
    )
    rows = connection.execute(select(workers, running.label("running")).where(is_alive()))
    return [
        WorkerFigures(
            name=row.name,
            pool=row.pool,
            slots=row.slots,
            running=row.running,
            draining=row.draining,
            quarantined=len(decode(row.quarantined)),
            utilisation=decode(row.utilisation),
        )
        for row in rows
    ]
