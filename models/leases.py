"""Leases: claiming a job, proving that its attempt lives, and the guard that fences every write of an attempt.

A claim gives a job to one attempt, with a random token. The first statement of every transaction of the holder renews
the narrow row in `job_leases` under that token; where it is gone, the attempt is superseded and may write nothing. (An
UPDATE, not a SELECT: it takes the row's lock, so that a reap cannot slip in between.) Lock order everywhere:
`job_leases`, then `jobs`; a claim touches only queued jobs, which have no lease.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Double,
    Row,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from models import checkpoints, doorbells, events, findings
from models.candidates import next_job
from models.clock import now
from models.database import Database
from models.errors import Superseded
from models.json_text import decode, encode
from models.status import Status
from models.tables import attempts, job_leases, jobs
from models.transitions import change


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one attempt to write to one job."""

    job_id: str
    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that has just been given to a worker: what to train, and the checkpoints to go on from, newest first."""

    lease: Lease
    project: str
    sent: dict[str, Any]  # the spec as the client wrote it: what it left to the worker is not in it
    spec: dict[str, Any]
    resume: list[checkpoints.Checkpoint]
    traceparent: str | None = None
    queued_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Orders:
    """What the holder is asked to do; a heartbeat's answer. `beat` says how many there have been under this lease."""

    cancel: bool
    pause: bool
    stop: bool
    beat: int


def claim(
    connection: Connection,
    *,
    pool: str,
    worker_id: str,
    worker: str,
    device: str,
    lease_seconds: float,
    token: str | None = None,
) -> Claim | None:
    """Take the next due job of a pool that this device may train, by priority, then age; None where there is none.
    Jobs of projects that are closed or at their quota are passed over.

    A job that its infrastructure failed keeps its place in the queue: it goes on before those that came after it.

    Give a `new_token` of your own to be able to ask, after a COMMIT without an answer, what was `claimed` with it.
    """
    candidate = next_job(connection, pool=pool, device=device)
    if candidate is None:
        return None
    token = token or new_token()
    row = change(
        connection,
        (jobs.c.id == candidate) & (jobs.c.status == Status.QUEUED),
        {
            "status": Status.RUNNING,
            "phase": "starting",
            "attempt": jobs.c.attempt + 1,
            "lease_token": token,
            "reason": None,
            "started_at": func.coalesce(jobs.c.started_at, now()),
        },
        entries=[events.Entry("job.running", {"worker": worker, "device": device})],
    )
    if row is None:
        return None
    doorbells.take_away(connection, job_id=row.id)
    opened = {"worker_id": worker_id, "worker": worker, "device": device, "checkpoint_step": row.last_checkpoint_step}
    connection.execute(_OPEN_ATTEMPT, {"job_id": row.id, "number": row.attempt, **opened})
    granted = {"attempt": row.attempt, "lease_token": token, "progress": row.progress, "lease_for": lease_seconds}
    connection.execute(_GRANT, {"job_id": row.id, **granted})
    return _claim(connection, row)


def claimed(connection: Connection, *, token: str) -> Claim | None:
    """The job that was claimed with this token and is still held by it; None where there is none."""
    row = connection.execute(
        select(jobs).join(job_leases, job_leases.c.job_id == jobs.c.id).where(job_leases.c.lease_token == token),
    ).one_or_none()
    return None if row is None else _claim(connection, row)


def new_token() -> str:
    """A token that no other claim has."""
    return secrets.token_hex(16)


def _claim(connection: Connection, row: Row[Any]) -> Claim:
    resume = (
        checkpoints.resumable(connection, job_id=row.id, after_attempt=row.scratch_attempt) if row.attempt > 1 else []
    )
    lease = Lease(job_id=row.id, attempt=row.attempt, token=row.lease_token)
    return Claim(
        lease=lease,
        project=row.project,
        sent=decode(row.spec),
        spec=decode(row.resolved_spec),
        resume=resume,
        traceparent=row.traceparent,
        queued_at=row.queued_at,
    )


def beat(
    connection: Connection,
    lease: Lease,
    *,
    lease_seconds: float,
    step: int | None = None,
    progress: dict[str, Any] | None = None,
) -> Orders:
    """Renew the lease and learn what is asked. Raises `Superseded` where another attempt, or nobody, holds the job."""
    values = {
        "of_job": lease.job_id,
        "of_attempt": lease.attempt,
        "of_token": lease.token,
        "lease_for": lease_seconds,
        "new_step": step,
        "new_progress": None if progress is None else encode(progress),
    }
    number = connection.execute(_GUARD, values).scalar_one_or_none()
    if number is None:
        raise Superseded(lease.job_id)
    row = connection.execute(_ORDERS, {"of_job": lease.job_id}).one()
    return Orders(
        cancel=row.status == Status.CANCELLING,
        pause=row.status == Status.PAUSING,
        stop=row.stop_requested_at is not None,
        beat=number,
    )


@contextmanager
def holding(database: Database, lease: Lease, *, lease_seconds: float) -> Iterator[Connection]:
    """A write transaction of the holder. Raises `Superseded` at its first statement, before anything is written."""
    with database.unit_of_work() as connection:
        beat(connection, lease, lease_seconds=lease_seconds)
        yield connection


def note(connection: Connection, lease: Lease, *, entries: Sequence[events.Entry], **values: Any) -> None:
    """Write events, and job columns such as `phase`, on behalf of the holder; only inside `holding`."""
    condition = (jobs.c.id == lease.job_id) & (jobs.c.lease_token == lease.token)
    if change(connection, condition, values, entries=entries) is None:
        raise Superseded(lease.job_id)


def enter_phase(connection: Connection, lease: Lease, phase: str) -> None:
    """Say what the attempt is doing now: preparing_data, training, evaluating, saving."""
    note(connection, lease, entries=[events.Entry("job.phase", {"phase": phase})], phase=phase)


def resolved(connection: Connection, lease: Lease, *, spec: dict[str, Any]) -> None:
    """Store the spec with what only the trainer could resolve: device, precision, micro-batch."""
    note(connection, lease, entries=[], resolved_spec=encode(spec))


def resumed(connection: Connection, lease: Lease, *, step: int) -> None:
    """The attempt goes on from a checkpoint at this step: the series are cut back to it; nothing counts twice."""
    _goes_on_from(connection, lease, step=step, resumed_from_step=step)
    entry = events.Entry("job.resumed", {"step": step, "attempt": lease.attempt})
    note(connection, lease, entries=[entry], last_checkpoint_step=step)


def rewound(connection: Connection, lease: Lease, *, step: int) -> None:
    """The run has diverged and gone back to this step within its attempt: the series are cut back to it."""
    _cut(connection, lease, step=step)
    entry = events.Entry("job.rewound", {"step": step, "attempt": lease.attempt})
    note(connection, lease, entries=[entry])


def restarted(connection: Connection, lease: Lease) -> None:
    """A later attempt starts from nothing: the points of earlier ones go."""
    _goes_on_from(connection, lease, step=None)
    findings.forget(connection, job_id=lease.job_id)
    note(connection, lease, entries=[], last_checkpoint_step=None)


def _goes_on_from(connection: Connection, lease: Lease, *, step: int | None, **values: int) -> None:
    """Progress is measured from here: a newer checkpoint that turned out to be damaged counts no more."""
    mine = (attempts.c.job_id == lease.job_id) & (attempts.c.number == lease.attempt)
    connection.execute(update(attempts).where(mine).values(checkpoint_step=step, **values))
    _cut(connection, lease, step=-1 if step is None else step)


def _cut(connection: Connection, lease: Lease, *, step: int) -> None:
    """Forget what was measured behind a step."""
    from models import histograms, metrics  # the API, which never cuts, is up before NumPy is

    for series in (metrics, histograms):
        series.cut(connection, job_id=lease.job_id, step=step)


def warn(connection: Connection, lease: Lease, *, code: str, message: str) -> None:
    """Add a warning to the job, once per code and message."""
    text = connection.execute(select(jobs.c.warnings).where(jobs.c.id == lease.job_id).with_for_update()).scalar_one()
    warnings = decode(text)
    warning = {"code": code, "message": message}
    if warning not in warnings:
        entry = events.Entry("job.warning", warning)
        note(connection, lease, entries=[entry], warnings=encode([*warnings, warning]))


def found(connection: Connection, lease: Lease, *, rule: str, step: int, said: Mapping[str, Any]) -> None:
    """Add what the diagnosis found, once a rule."""
    if findings.add(connection, job_id=lease.job_id, rule=rule, step=step, said=said):
        entry = events.Entry("job.finding", {"rule": rule, "first_step": step, **said})
        note(connection, lease, entries=[entry])


def remark(connection: Connection, lease: Lease, *, code: str, message: str) -> None:
    """Add a warning also behind the end of the attempt, as long as no other has begun; needs no guard."""
    mine = (jobs.c.id == lease.job_id) & (jobs.c.attempt == lease.attempt)
    text = connection.execute(select(jobs.c.warnings).where(mine).with_for_update()).scalar_one_or_none()
    warning = {"code": code, "message": message}
    if text is not None and warning not in (warnings := decode(text)):
        entry = events.Entry("job.warning", warning)
        change(connection, mine, {"warnings": encode([*warnings, warning])}, entries=[entry])


def drop(connection: Connection, lease: Lease) -> None:
    """Give the lease up; the caller ends the attempt in the same transaction."""
    connection.execute(
        delete(job_leases).where(job_leases.c.job_id == lease.job_id, job_leases.c.lease_token == lease.token)
    )


_GRANT = insert(job_leases).values(hb_seq=0, expires_at=now() + bindparam("lease_for", type_=Double))
_OPEN_ATTEMPT = insert(attempts).values(started_at=now())
_GUARD = (
    update(job_leases)
    .where(
        job_leases.c.job_id == bindparam("of_job"),
        job_leases.c.attempt == bindparam("of_attempt"),
        job_leases.c.lease_token == bindparam("of_token"),
    )
    .values(
        hb_seq=job_leases.c.hb_seq + 1,
        expires_at=now() + bindparam("lease_for", type_=Double),
        step=func.coalesce(bindparam("new_step", type_=BigInteger), job_leases.c.step),
        progress=func.coalesce(bindparam("new_progress", type_=Text), job_leases.c.progress),
    )
    .returning(job_leases.c.hb_seq)
)
_ORDERS = select(jobs.c.status, jobs.c.stop_requested_at).where(jobs.c.id == bindparam("of_job"))
