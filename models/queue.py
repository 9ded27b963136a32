"""Explained waiting: how many jobs stand before a queued one, and why it is not running."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, literal_column, select, union_all

from models import quotas
from models.candidates import ANY_DEVICE
from models.job import Queue
from models.json_text import decode
from models.status import Status
from models.tables import jobs, workers
from models.workers import is_alive

#: Counting stops here, so that a long queue costs no more to explain than a short one.
LONGEST_COUNT: Final = 1000


def explain(connection: Connection, job: Row[Any]) -> Queue | None:
    """The queue entry of a job's row; None unless it is queued."""
    if job.status != Status.QUEUED:
        return None
    place = {"of_pool": job.pool, "priority": job.priority, "queued_at": job.queued_at, "id": job.id}
    ahead = min(connection.execute(_AHEAD, place).scalar_one(), LONGEST_COUNT)
    alive = connection.execute(_ALIVE, {"of_pool": job.pool}).all()
    fit = [row.devices for row in alive if len(decode(row.quarantined)) < row.slots]
    reason = _hold(connection, job, fit) or (_reason(job.device, fit) if fit or not alive else "no_device")
    return Queue(ahead=ahead, reason=reason)


def _hold(connection: Connection, job: Row[Any], alive: Sequence[str]) -> str | None:
    """Why the job's project may begin none, given the devices of each live worker of its pool; None where it may."""
    needs_gpu = job.device == "cuda" or (job.device == "auto" and bool(alive) and _kinds(alive) == {"cuda"})
    hold = quotas.held_back(connection, project=job.project, on_gpu=needs_gpu)
    return None if hold is None else "paused_queue" if hold == "closed" else "quota"


def _kinds(alive: Sequence[str]) -> set[str]:
    return {found["type"] for devices in alive for found in decode(devices)}


def _reason(device: str, alive: Sequence[str]) -> str:
    """Why a job for this device waits, given the devices of each live worker of its pool."""
    if not alive:
        return "no_worker"
    return "busy" if device in ANY_DEVICE or device in _kinds(alive) else "no_device"


def _ids(*conditions: ColumnElement[bool]) -> Select[tuple[str]]:
    """Queued jobs of the pool, by a range of the claim's index: what stands behind is never looked at."""
    queued = jobs.c.status == literal_column("'queued'")  # a literal, so that the partial index fits
    waiting = select(jobs.c.id).where(queued, jobs.c.pool == bindparam("of_pool"), *conditions).limit(LONGEST_COUNT)
    return select(waiting.subquery().c.id)


_SAME = jobs.c.priority == bindparam("priority")
_AHEAD = select(func.count()).select_from(
    union_all(
        _ids(jobs.c.priority > bindparam("priority")),
        _ids(_SAME, jobs.c.queued_at < bindparam("queued_at")),
        _ids(_SAME, jobs.c.queued_at == bindparam("queued_at"), jobs.c.id < bindparam("id")),
    ).subquery(),
)
_ALIVE = select(workers.c.devices, workers.c.slots, workers.c.quarantined).where(
    workers.c.pool == bindparam("of_pool"), is_alive(), ~workers.c.draining
)
