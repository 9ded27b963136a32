"""How attempts end: by success, by failure, by request, by a stopping worker, or lost.

Every ending is one transaction: guard, the job's row locked (so that no cancel slips in between what is read and what
is written), its conditional UPDATE with its event, the attempt's row, the lease's deletion. An ending is idempotent:
after an ambiguous COMMIT the holder repeats it and is recognised by the attempt's row.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select, update

from models import doorbells, gpu_time
from models.candidates import LONGEST_DELAY_SECONDS
from models.clock import now
from models.errors import Superseded
from models.events import Entry
from models.json_text import decode, encode
from models.leases import Lease, beat, drop
from models.reasons import PASSING
from models.status import Fault, Outcome, Status
from models.tables import attempts, job_leases, jobs
from models.transitions import change

#: Attempts in a row without a newer checkpoint, after which a job is not tried again.
MAX_STALLED_ATTEMPTS: Final = 3
_DEFAULT_BUDGETS: Final = {"user": 0, "infrastructure": 10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What an attempt came to, as its holder tells it."""

    outcome: Outcome
    result: Mapping[str, Any] | None = None  # of a success: job.result
    digest: str | None = None  # of a success: sha256 of the final checkpoint's manifest, verified on disk
    reason: Mapping[str, Any] | None = None  # of a failure: {code, message, param, fault}
    backoff_seconds: float = 5.0  # longest delay before the second attempt without progress; the third waits twice that


@dataclass(frozen=True, slots=True)
class _Next:
    """Where a job goes when an attempt ends."""

    status: Status
    values: Mapping[str, Any]
    reason: Mapping[str, Any] | None = None
    delay_seconds: float = 0.0
    keeps_its_place: bool = True  # in the queue: what is not the job's fault does not send it behind all others


def end(connection: Connection, lease: Lease, ending: Ending) -> Status:
    """End the attempt and say where its job now stands.

    Raises `Superseded` where the lease is lost; an ending that has already been committed is recognised and repeated
    without effect.
    """
    try:
        beat(connection, lease, lease_seconds=0.0)
    except Superseded:
        return _already(connection, lease, ending)
    job = connection.execute(select(jobs).where(jobs.c.id == lease.job_id).with_for_update()).one()
    following = _after(job, ending, checkpoint_step=_checkpoint_step_at_start(connection, lease))
    return _settle(connection, job, lease, outcome=_told(ending.outcome, following.status), following=following)


def reap(connection: Connection, lease: Lease, *, observed_seq: int, lease_seconds: float) -> Status | None:
    """Take a job from an attempt whose heartbeat counter has stood still; None where it lives after all.

    A lease that has not run out yet by the database's clock is left alone; one that runs out later than any lease can
    is one that the clock was set back under, and says nothing.
    """
    gone = connection.execute(
        delete(job_leases).where(
            job_leases.c.job_id == lease.job_id,
            job_leases.c.attempt == lease.attempt,
            job_leases.c.lease_token == lease.token,
            job_leases.c.hb_seq == observed_seq,
            (job_leases.c.expires_at < now()) | (job_leases.c.expires_at > now() + lease_seconds),
        ),
    )
    return _lost(connection, lease) if gone.rowcount == 1 else None


def recover(connection: Connection, *, worker_ids: list[str]) -> list[tuple[str, Status]]:
    """Requeue at once the jobs of workers that are known to be dead: earlier lives of the worker that calls."""
    held = connection.execute(
        select(job_leases.c.job_id, job_leases.c.attempt, job_leases.c.lease_token)
        .join(attempts, (attempts.c.job_id == job_leases.c.job_id) & (attempts.c.number == job_leases.c.attempt))
        .where(attempts.c.worker_id.in_(worker_ids)),
    ).all()
    recovered = []
    for row in held:
        lease = Lease(row.job_id, row.attempt, row.lease_token)
        drop(connection, lease)
        status = _lost(connection, lease)
        if status is not None:
            recovered.append((row.job_id, status))
    return recovered


def _lost(connection: Connection, lease: Lease) -> Status | None:
    job = connection.execute(
        select(jobs)
        .where(jobs.c.id == lease.job_id, jobs.c.attempt == lease.attempt, jobs.c.lease_token == lease.token)
        .with_for_update(),
    ).one_or_none()
    if job is None or not Status(job.status).is_held:
        return None
    reason = {
        "code": "worker_lost",
        "message": "The worker that trained this job fell silent.",
        "param": None,
        "fault": Fault.INFRASTRUCTURE,
    }
    ending = Ending(outcome=Outcome.LOST, reason=reason, backoff_seconds=0.0)
    following = _after(job, ending, checkpoint_step=_checkpoint_step_at_start(connection, lease))
    return _settle(connection, job, lease, outcome=Outcome.LOST, following=following)


def _after(job: Row[Any], ending: Ending, *, checkpoint_step: int | None) -> _Next:
    """The transition table for endings: (status of the job, outcome of the attempt) to the job's next status."""
    status = Status(job.status)
    if ending.outcome is Outcome.SUCCEEDED:
        return _Next(Status.SUCCEEDED, {"result": encode(dict(ending.result or {})), "result_digest": ending.digest})
    if status is Status.CANCELLING:
        return _Next(Status.CANCELLED, {})
    if ending.outcome in {Outcome.PAUSED, Outcome.DRAINED} and status is Status.PAUSING:
        return _Next(Status.PAUSED, {})
    if ending.outcome in {Outcome.PAUSED, Outcome.DRAINED, Outcome.CANCELLED}:
        # A pause that was taken back, a drain: the job goes on at once and no budget is charged.
        return _Next(Status.QUEUED, {})
    return _after_failure(job, ending, checkpoint_step=checkpoint_step)


def _after_failure(job: Row[Any], ending: Ending, *, checkpoint_step: int | None) -> _Next:
    reason = dict(ending.reason or {})
    before = -1 if checkpoint_step is None else checkpoint_step
    has_progressed = job.last_checkpoint_step is not None and job.last_checkpoint_step > before
    waits = reason.get("code") in PASSING
    stalled = 0 if has_progressed else job.stalled_attempts + (not waits)
    fault = "user" if reason.get("fault") == Fault.USER else "infrastructure"
    failures = getattr(job, f"{fault}_failures") + 1
    values = {f"{fault}_failures": failures, "stalled_attempts": stalled}
    if failures > int(decode(job.resolved_spec).get("retries", {}).get(fault, _DEFAULT_BUDGETS[fault])):
        return _Next(Status.FAILED, values, reason)
    if stalled >= MAX_STALLED_ATTEMPTS:
        message = f"{stalled} attempts in a row ended without a newer checkpoint; the last one: {reason.get('message')}"
        return _Next(Status.FAILED, values, {**reason, "code": "no_progress", "message": message})
    if job.status == Status.PAUSING:
        return _Next(Status.PAUSED, values, reason)
    # A job that gets on between its failures is tried again at once, one that does not after longer and longer.
    num_pauses = failures if waits else stalled
    longest = min(ending.backoff_seconds * 2**num_pauses / 2, LONGEST_DELAY_SECONDS) if num_pauses else 0.0
    delay_seconds = random.uniform(0.0, longest)  # noqa: S311  jitter
    return _Next(Status.QUEUED, values, reason, delay_seconds, keeps_its_place=fault == "infrastructure")


def _settle(connection: Connection, job: Row[Any], lease: Lease, *, outcome: Outcome, following: _Next) -> Status:
    values: dict[str, Any] = {
        **following.values,
        "status": following.status,
        "reason": None if following.reason is None else encode(dict(following.reason)),
        "lease_token": None,
        "progress": select(job_leases.c.progress).where(job_leases.c.job_id == lease.job_id).scalar_subquery(),
    }
    if outcome is Outcome.LOST:
        del values["progress"]  # the lease, and the progress in it, is already gone
    if following.status.is_terminal:
        values |= {"phase": "finished", "finished_at": now(), "finish_attempt": lease.attempt}
    else:
        values |= {"phase": "waiting", "available_at": now() + following.delay_seconds}
    if following.status is Status.QUEUED and not following.keeps_its_place:
        values["queued_at"] = now()
    data = {"attempt": lease.attempt, "outcome": outcome, "reason": following.reason}
    condition = (jobs.c.id == lease.job_id) & (jobs.c.lease_token == lease.token) & (jobs.c.status == job.status)
    row = change(connection, condition, values, entries=[Entry(f"job.{following.status}", data)])
    if row is None:
        raise Superseded(lease.job_id)
    _close_attempt(connection, job, lease, outcome=outcome, reason=following.reason)
    drop(connection, lease)
    doorbells.take_away(connection, job_id=lease.job_id)
    if following.status is Status.QUEUED:
        doorbells.leave(connection, job_id=lease.job_id, pool=row.pool, delay_seconds=following.delay_seconds)
    return following.status


def _close_attempt(
    connection: Connection, job: Row[Any], lease: Lease, *, outcome: Outcome, reason: Mapping[str, Any] | None
) -> None:
    closed = connection.execute(
        update(attempts)
        .where(attempts.c.job_id == lease.job_id, attempts.c.number == lease.attempt, attempts.c.ended_at.is_(None))
        .values(ended_at=now(), outcome=outcome, reason=None if reason is None else encode(dict(reason)))
        .returning(attempts.c.device, attempts.c.started_at, attempts.c.ended_at),
    ).one_or_none()
    if closed is not None:
        gpu_time.charge(connection, job=job, attempt=closed)


def _already(connection: Connection, lease: Lease, ending: Ending) -> Status:
    """The status that this very ending led to, if it was committed before; else the attempt is superseded."""
    attempt = connection.execute(
        select(attempts.c.outcome).where(attempts.c.job_id == lease.job_id, attempts.c.number == lease.attempt),
    ).one_or_none()
    if attempt is None or attempt.outcome not in {ending.outcome, Outcome.CANCELLED}:
        raise Superseded(lease.job_id)
    job = connection.execute(
        select(jobs.c.status, jobs.c.finish_attempt, jobs.c.result_digest).where(jobs.c.id == lease.job_id),
    ).one()
    if ending.outcome is Outcome.SUCCEEDED and (job.finish_attempt, job.result_digest) != (
        lease.attempt,
        ending.digest,
    ):
        raise Superseded(lease.job_id)
    return Status(job.status)


def _told(outcome: Outcome, status: Status) -> Outcome:
    """The outcome as it is remembered: an attempt that ended a cancelled job was cancelled, whatever it said."""
    return Outcome.CANCELLED if status is Status.CANCELLED else outcome


def _checkpoint_step_at_start(connection: Connection, lease: Lease) -> int | None:
    step: int | None = connection.execute(
        select(attempts.c.checkpoint_step).where(
            attempts.c.job_id == lease.job_id,
            attempts.c.number == lease.attempt,
        ),
    ).scalar_one()
    return step
