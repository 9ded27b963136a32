"""Workers: who is there to train, with what, and how busy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from models.clock import now, rfc3339
from models.errors import NotFound
from models.json_text import decode, encode
from models.tables import attempts, jobs, workers

#: A worker that has been silent for longer is not shown any more.
ALIVE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A live worker."""

    id: str
    node: str
    name: str
    pool: str
    slots: int
    devices: Sequence[Mapping[str, Any]]
    versions: Mapping[str, str]
    utilisation: Mapping[str, Any]
    draining: bool
    quarantined: Sequence[Mapping[str, Any]]  # slots that take no job because their device has failed
    started_at: float
    seen_at: float
    jobs: Sequence[str]

    def document(self) -> dict[str, Any]:
        """The worker as the API shows it."""
        return {
            "id": self.id,
            "node": self.node,
            "name": self.name,
            "pool": self.pool,
            "slots": self.slots,
            "devices": self.devices,
            "versions": self.versions,
            "utilisation": self.utilisation,
            "draining": self.draining,
            "quarantined": self.quarantined,
            "started_at": rfc3339(self.started_at),
            "seen_at": rfc3339(self.seen_at),
            "jobs": self.jobs,
        }


def is_alive() -> ColumnElement[bool]:
    """Whether a row is one of a live worker. One that was seen tomorrow was seen before the clock was set back, and may
    be dead since.
    """
    return workers.c.seen_at.between(now() - ALIVE_SECONDS, now() + ALIVE_SECONDS)


def register(
    connection: Connection,
    *,
    worker_id: str,
    node: str,
    name: str,
    pool: str,
    slots: int,
    devices: Sequence[Mapping[str, Any]],
    versions: Mapping[str, str],
) -> list[str]:
    """Make a worker known, in place of its earlier lives on the same node and name. Returns their ids: their jobs are
    lost. May be repeated when it is unknown whether the first time was committed.
    """
    same = (workers.c.node == node) & (workers.c.name == name)
    gone = connection.execute(delete(workers).where(same | (workers.c.id == worker_id)).returning(workers.c.id))
    earlier = [identifier for identifier in gone.scalars() if identifier != worker_id]
    connection.execute(
        insert(workers).values(
            id=worker_id,
            node=node,
            name=name,
            pool=pool,
            slots=slots,
            devices=encode([dict(device) for device in devices]),
            versions=encode(dict(versions)),
            utilisation="{}",
            draining=False,
            quarantined="[]",
            started_at=now(),
            seen_at=now(),
        ),
    )
    return earlier


def beat(
    connection: Connection,
    *,
    worker_id: str,
    utilisation: Mapping[str, Any],
    quarantined: Sequence[Mapping[str, Any]] = (),
) -> bool | None:
    """Say that the worker lives, and which of its slots take no job.

    True where it has been asked to drain; None where it is not known (any more).
    """
    must_drain: bool | None = connection.execute(
        update(workers)
        .where(workers.c.id == worker_id)
        .values(
            seen_at=now(),
            utilisation=encode(dict(utilisation)),
            quarantined=encode([dict(slot) for slot in quarantined]),
        )
        .returning(workers.c.draining),
    ).scalar_one_or_none()
    return must_drain


def drain(connection: Connection, *, worker_id: str) -> None:
    """Ask a worker to finish what it runs and take nothing new. Raises `NotFound`."""
    asked = connection.execute(update(workers).where(workers.c.id == worker_id).values(draining=True))
    if asked.rowcount == 0:
        raise NotFound(f"There is no worker {worker_id}.")


def get(connection: Connection, *, worker_id: str, project: str) -> Worker:
    """A live worker, with the project's own jobs on it. Raises `NotFound`."""
    for worker in listing(connection, project=project):
        if worker.id == worker_id:
            return worker
    raise NotFound(f"There is no live worker {worker_id}.")


def leave(connection: Connection, *, worker_id: str) -> None:
    """Forget a worker that has stopped."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def listing(connection: Connection, *, project: str | None = None) -> list[Worker]:
    """The live workers, by name; with a project, only that project's jobs are told of."""
    rows = connection.execute(
        select(workers).where(is_alive()).order_by(workers.c.name, workers.c.id),
    ).all()
    held = select(attempts.c.worker_id, attempts.c.job_id).where(
        attempts.c.ended_at.is_(None),
        attempts.c.worker_id.in_([row.id for row in rows]),
    )
    if project is not None:
        held = held.join(jobs, jobs.c.id == attempts.c.job_id).where(jobs.c.project == project)
    running: dict[str, list[str]] = {}
    for attempt in connection.execute(held):
        running.setdefault(attempt.worker_id, []).append(attempt.job_id)
    return [_worker(row, running.get(row.id, [])) for row in rows]


def _worker(row: Row[Any], job_ids: list[str]) -> Worker:
    return Worker(
        id=row.id,
        node=row.node,
        name=row.name,
        pool=row.pool,
        slots=row.slots,
        devices=decode(row.devices),
        versions=decode(row.versions),
        utilisation=decode(row.utilisation),
        draining=row.draining,
        quarantined=decode(row.quarantined),
        started_at=row.started_at,
        seen_at=row.seen_at,
        jobs=job_ids,
    )
