"""Explained waiting: how many jobs stand before a queued one, why it is not running, and for about how long."""

from __future__ import annotations

import heapq
from math import ceil
from statistics import median
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Integer, ScalarSelect, bindparam, func, literal_column, select

from models import pools, quotas
from models.candidates import LONGEST_DELAY_SECONDS
from models.clock import now
from models.job import Queue
from models.json_text import decode
from models.pools import Pool
from models.prepared import Prepared, Reader
from models.status import Status
from models.tables import job_leases, jobs

#: Counting stops here, so that a long queue costs no more to explain than a short one.
LONGEST_COUNT: Final = 1000
#: How long a job takes is told by the project's newest ones of the pool that have succeeded.
_NUM_MEASURED: Final = 20
#: Times to come are told in steps of so many seconds, up to so many: a job is not news because seconds have passed.
_STEPS: Final = ((60, 10), (600, 60), (3600, 300), (86_400, 1800), (float("inf"), 21_600))
_HOLDS: Final = {
    "closed": ("paused_queue", "The project is closed: it begins no jobs."),
    "running_jobs": ("quota", "As many jobs of the project train as may at the same time."),
    "gpu_seconds": ("quota", "The project has used as much GPU time as it may this month."),
}


class _Why(NamedTuple):
    """A code, a sentence, and in how many seconds it will be over; None where nobody knows."""

    reason: str
    detail: str
    eta_seconds: float | None = None


def explain(connection: Reader, job: Any, *, estimate: bool = True) -> Queue | None:
    """The queue entry of a job's row, of which it reads `COLUMNS`; None unless it is queued. Without `estimate` it
    costs less, and has no ETA.
    """
    if job.status != Status.QUEUED:
        return None
    place = {"of_pool": job.pool, "priority": job.priority, "queued_at": job.queued_at, "id": job.id}
    found = _AHEAD.one(connection, place)
    ahead = min(found.ahead, LONGEST_COUNT)
    why = _why(connection, job, ahead=ahead, at=found.at, estimate=estimate)
    return Queue(ahead=ahead, reason=why.reason, detail=why.detail, eta_seconds=coarse(why.eta_seconds))


def coarse(seconds: float | None) -> float | None:
    """A time to come, rounded up to a step that a person would say."""
    if seconds is None:
        return None
    step = next(step for most, step in _STEPS if seconds <= most)
    return float(ceil(max(0.0, seconds) / step) * step)


def _why(connection: Reader, job: Any, *, ahead: int, at: float, estimate: bool) -> _Why:
    pool = pools.look(connection, job.pool)
    needs_gpu = job.device == "cuda" or (job.device == "auto" and pool.slots.keys() == {"cuda"})
    hold = quotas.held_back(connection, project=job.project, on_gpu=needs_gpu)
    if hold is not None:
        return _Why(*_HOLDS[hold])
    if (lack := pool.lack(job.device)) is not None:
        return _Why(*lack)
    due_in = job.available_at - at
    if 0 < due_in <= LONGEST_DELAY_SECONDS:
        return _Why("backoff", f"Its last attempt has failed; the next one is due within {coarse(due_in):g} s.", due_in)
    return _turn(connection, job, pool, ahead=ahead, estimate=estimate)


def _turn(connection: Reader, job: Any, pool: Pool, *, ahead: int, estimate: bool) -> _Why:
    """Why a job that could run does not yet: others have their turn."""
    num_slots = pool.num_slots(job.device)
    progress = [row.progress for row in _RUNNING.all(connection, {"of_pool": job.pool})]
    if ahead + len(progress) < num_slots:
        return _Why("starting", "A slot is free for it; a worker is about to take it.", 0.0)
    others = f"{ahead} go first" if ahead else "it is the next one"
    taken = f"{min(len(progress), num_slots)} of {num_slots} slots train; {others}."
    left = [(decode(text) or {}).get("eta_seconds") for text in progress]
    usual = _usual_seconds(connection, job) if estimate else None
    return _Why("busy", taken, _wait_seconds(left, usual, num_slots=num_slots, ahead=ahead) if estimate else None)


def _usual_seconds(connection: Reader, job: Any) -> float | None:
    """How long jobs like it take; None where none has succeeded yet."""
    rows = _MEASURED.all(connection, {"of_project": job.project, "of_pool": job.pool})
    return median(row.finished_at - row.started_at for row in rows) if rows else None


def _wait_seconds(left: list[float | None], usual: float | None, *, num_slots: int, ahead: int) -> float | None:
    """When a slot is free for the job behind `ahead` others, which each take the slot that is free first.

    `left` holds what the running ones say of themselves. One that says nothing is taken for half done.
    """
    known = [seconds if seconds is not None else None if usual is None else usual / 2 for seconds in left]
    free_in = [seconds for seconds in known if seconds is not None]
    if len(free_in) < len(known) or (ahead and usual is None):
        return None
    free_in = sorted([*free_in, *[0.0] * (num_slots - len(free_in))])[:num_slots]
    for _ in range(ahead):
        heapq.heapreplace(free_in, free_in[0] + (usual or 0.0))
    return free_in[0]


def _count(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """Queued jobs of the pool, by a range of the claim's index: what stands behind is never looked at."""
    queued = jobs.c.status == literal_column("'queued'")  # a literal, so that the partial index fits
    one = literal_column("1", Integer).label("one")
    waiting = select(one).where(queued, jobs.c.pool == bindparam("of_pool"), *conditions).limit(LONGEST_COUNT)
    return select(func.count()).select_from(waiting.subquery()).scalar_subquery()


#: Of a job's row, what its place in the queue depends on.
COLUMNS: Final = ("id", "project", "status", "pool", "priority", "queued_at", "available_at", "device")
_SAME = jobs.c.priority == bindparam("priority")
_AHEAD = Prepared(
    select(
        (
            _count(jobs.c.priority > bindparam("priority"))
            + _count(_SAME, jobs.c.queued_at < bindparam("queued_at"))
            + _count(_SAME, jobs.c.queued_at == bindparam("queued_at"), jobs.c.id < bindparam("id"))
        ).label("ahead"),
        now().label("at"),
    )
)
_RUNNING = Prepared(
    select(job_leases.c.progress)
    .join(jobs, jobs.c.id == job_leases.c.job_id)
    .where(jobs.c.pool == bindparam("of_pool"))
    .limit(LONGEST_COUNT)
)
_MEASURED = Prepared(
    select(jobs.c.started_at, jobs.c.finished_at)
    .where(
        jobs.c.project == bindparam("of_project"),
        jobs.c.status == Status.SUCCEEDED,
        jobs.c.pool == bindparam("of_pool"),
        jobs.c.started_at.is_not(None),
    )
    .order_by(jobs.c.id.desc())
    .limit(_NUM_MEASURED)
)
