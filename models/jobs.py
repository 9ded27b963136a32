"""Jobs: submit, read, list, change and delete. How they are steered is in `controls`, how attempts hold and end them in
`leases` and `endings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, func, insert, literal_column, select

from models import doorbells, queue, quotas, tracing
from models.clock import now
from models.errors import Conflict, NotFound
from models.events import Entry, write
from models.fingerprints import fingerprint
from models.identifiers import created_at, new_id
from models.job import NO_DESCENT, NOTHING_YET, Attempt, Descent, Job, Queue, from_row
from models.job_filter import JobFilter, narrowed
from models.json_text import as_stored, decode, encode
from models.pages import PageRequest
from models.prepared import Prepared, Reader
from models.status import TERMINAL, Status
from models.tables import attempts, checkpoints, events, job_datasets, job_labels, job_leases, jobs
from models.transitions import change

_STATUS_EVENTS: list[ColumnElement[str]] = [literal_column(f"'job.{status}'") for status in Status]


class Version(NamedTuple):
    """A job's numbers that rise with its changes, and its place in the queue, which others change."""

    revision: int
    event_seq: int
    beat: int | None
    queue: Queue | None


def submit(
    connection: Connection,
    *,
    project: str,
    sent: Mapping[str, Any],
    resolved: Mapping[str, Any],
    dataset_ids: Sequence[str] = (),
    descent: Descent = NO_DESCENT,
    warnings: tuple[Mapping[str, Any], ...] = (),
) -> Job:
    """Queue a job: its row, its first event and its doorbell, in the caller's transaction.

    `sent` is the spec as the client wrote it, `resolved` the same with every default visible. Ring the doorbell after
    the commit. Raises `TooManyRequests` where the project may queue no more.
    """
    identifier, trace = new_id("job"), tracing.current()
    at = round(created_at(identifier), 6)  # as it is shown, so that it compares equal to what was shown
    fresh = Job(
        id=identifier,
        project=project,
        name=resolved.get("name"),
        status=Status.QUEUED,
        phase="waiting",
        reason=None,
        pool=resolved["resources"]["pool"],
        priority=resolved["priority"],
        labels=resolved.get("labels") or {},
        spec=sent,
        resolved_spec=resolved,
        result=None,
        warnings=warnings,
        progress=NOTHING_YET,
        descent=descent,
        trace_id=None if trace is None else trace.trace_id,
        created_at=at,
        queued_at=at,
        started_at=None,
        finished_at=None,
        revision=1,
    )
    row = _insert(connection, fresh, traceparent=None if trace is None else trace.header)
    for dataset_id in dataset_ids:
        _OF_DATASET.run(connection, {"job_id": identifier, "dataset_id": dataset_id})
    times = write(connection, job_id=identifier, last_seq=1, entries=[Entry("job.queued", {})])
    doorbells.leave(connection, job_id=identifier, pool=fresh.pool)
    quotas.admit(connection, project=project, device=row.device)
    history = [(Status.QUEUED, at) for at in times]
    return replace(fresh, history=history, queue=queue.explain(connection, row, estimate=False))


def _insert(connection: Connection, job: Job, *, traceparent: str | None) -> Any:
    """Write a job that is to be queued, and its labels; answers what `queue.explain` reads of its row."""
    row = _INSERT.one(
        connection,
        {
            **{name: getattr(job, name) for name in _AS_THEY_ARE},
            "device": (job.spec.get("resources") or {}).get("device", "auto"),
            "labels": encode(job.labels),
            "spec": encode(job.spec),
            "resolved_spec": encode(job.resolved_spec),
            "spec_hash": fingerprint(job.resolved_spec),
            "warnings": encode(job.warnings),
            "parent_id": job.descent.parent_id,
            "origin": job.descent.origin,
            "init_checkpoint_id": job.descent.init_checkpoint_id,
            "traceparent": traceparent,
        },
    )
    _set_labels(connection, job.id, job.labels)
    return row


def get(connection: Reader, *, project: str, job_id: str) -> Job:
    """One job with its attempts, history and place in the queue. Raises `NotFound`."""
    row = _GET.first(connection, {"job_id": job_id, "project": project})
    if row is None:
        raise NotFound(f"There is no job {job_id}.")
    return from_row(
        row,
        live_progress=row.live_progress,
        attempts=_attempts(connection, job_id),
        history=_history(connection, job_id),
        queue=queue.explain(connection, row),
    )


def version(connection: Reader, *, project: str, job_id: str) -> Version:
    """What is different whenever `get` would find something else. Raises `NotFound`."""
    row = _VERSION.first(connection, {"job_id": job_id, "project": project})
    if row is None:
        raise NotFound(f"There is no job {job_id}.")
    return Version(row.revision, row.event_seq, row.hb_seq, queue.explain(connection, row))


def listing(connection: Connection, *, project: str, where: JobFilter, page: PageRequest) -> list[Job]:
    """Up to `limit + 1` jobs, newest first; the last one only tells that there are more. Attempts, history and queue
    stay empty, and documents are passed on as they are stored: they can be sent, and not be looked into.
    """
    rows = connection.execute(narrowed(_LIST.where(jobs.c.project == project), where, page)).all()
    return [from_row(row, live_progress=row.live_progress, read=as_stored) for row in rows]


def update(
    connection: Connection,
    *,
    project: str,
    job_id: str,
    changes: Mapping[str, Any],
) -> Job:
    """Change name, labels or priority (the keys of `changes`). Raises `NotFound`."""
    values = {key: encode(dict(value)) if key == "labels" else value for key, value in changes.items()}
    entry = Entry("job.updated", dict(changes))
    if change(connection, (jobs.c.id == job_id) & (jobs.c.project == project), values, entries=[entry]) is None:
        raise NotFound(f"There is no job {job_id}.")
    if "labels" in changes:
        connection.execute(delete(job_labels).where(job_labels.c.job_id == job_id))
        _set_labels(connection, job_id, changes["labels"])
    return get(connection, project=project, job_id=job_id)


def remove(connection: Connection, *, project: str, job_id: str) -> None:
    """Delete a terminal job with all that belongs to it; its files are the caller's to delete after the commit.

    Raises `NotFound`, and `Conflict` while the job is not over or another one is to begin with its weights.
    """
    heir = connection.execute(_HEIR, {"of_job": job_id}).scalar_one_or_none()
    if heir is not None:
        raise Conflict(f"Job {heir} is to begin with weights of {job_id}.", code="job_in_use")
    mine = (jobs.c.id == job_id) & (jobs.c.project == project)
    gone = connection.execute(delete(jobs).where(mine, jobs.c.status.in_(TERMINAL)).returning(jobs.c.id)).first()
    if gone is None:
        status = status_of(connection, project=project, job_id=job_id)
        detail = f"Job {job_id} is {status}; cancel it before you delete it."
        raise Conflict(detail, code="job_not_finished", job_status=status)


def status_of(connection: Connection, *, project: str, job_id: str) -> Status:
    """Where a job stands. Raises `NotFound`."""
    status = connection.execute(_STATUS, {"job_id": job_id, "project": project}).scalar_one_or_none()
    if status is None:
        raise NotFound(f"There is no job {job_id}.")
    return Status(status)


def pool_of(connection: Connection, *, project: str, job_id: str) -> str:
    """The pool whose workers a job belongs to. Raises `NotFound`."""
    pool: str | None = connection.execute(
        select(jobs.c.pool).where(jobs.c.id == job_id, jobs.c.project == project)
    ).scalar_one_or_none()
    if pool is None:
        raise NotFound(f"There is no job {job_id}.")
    return pool


def versions(connection: Connection, job_ids: list[str]) -> dict[str, tuple[int, int, int]]:
    """(revision, heartbeat, event_seq) of each job that is there: what a watcher compares to see whether anything has
    changed.
    """
    rows = connection.execute(
        select(jobs.c.id, jobs.c.revision, func.coalesce(job_leases.c.hb_seq, -1).label("hb_seq"), jobs.c.event_seq)
        .outerjoin(job_leases, job_leases.c.job_id == jobs.c.id)
        .where(jobs.c.id.in_(job_ids)),
    )
    return {row.id: (row.revision, row.hb_seq, row.event_seq) for row in rows}


def _set_labels(connection: Connection, job_id: str, labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        _LABEL.run(connection, {"job_id": job_id, "key": key, "value": value})


def _attempts(connection: Reader, job_id: str) -> list[Attempt]:
    return [_attempt(row) for row in _ATTEMPTS.all(connection, {"job_id": job_id})]


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        number=row.number,
        worker=row.worker,
        device=row.device,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        reason=decode(row.reason),
        resumed_from_step=row.resumed_from_step,
    )


def _history(connection: Reader, job_id: str) -> list[tuple[str, float]]:
    rows = _HISTORY.all(connection, {"job_id": job_id})
    return [(row.type.removeprefix("job."), row.at) for row in rows]


_AS_THEY_ARE = ("id", "project", "name", "pool", "priority", "created_at", "queued_at")
_GIVEN = (
    *(*_AS_THEY_ARE, "device", "labels", "spec", "resolved_spec", "spec_hash", "warnings"),
    *("parent_id", "origin", "init_checkpoint_id", "traceparent"),
)
_INSERT = Prepared(
    insert(jobs)
    .values(
        status=Status.QUEUED,
        phase="waiting",
        available_at=now(),
        attempt=0,
        generation=1,
        scratch_attempt=0,
        infrastructure_failures=0,
        user_failures=0,
        stalled_attempts=0,
        event_seq=1,
        revision=1,
    )
    .returning(*(jobs.c[name] for name in queue.COLUMNS)),
    columns=_GIVEN,
)
_LABEL = Prepared(insert(job_labels), columns=("job_id", "key", "value"))
_OF_DATASET = Prepared(insert(job_datasets), columns=("job_id", "dataset_id"))
_LIST = select(jobs, job_leases.c.progress.label("live_progress")).outerjoin(
    job_leases, job_leases.c.job_id == jobs.c.id
)
_MINE = (jobs.c.id == bindparam("job_id"), jobs.c.project == bindparam("project"))
_GET = Prepared(_LIST.where(*_MINE))
_VERSION = Prepared(
    select(
        *(jobs.c[name] for name in (*queue.COLUMNS, "revision", "event_seq")),
        job_leases.c.hb_seq,
    )
    .outerjoin(job_leases, job_leases.c.job_id == jobs.c.id)
    .where(*_MINE)
)
_HEIR = (
    select(jobs.c.id)
    .join(checkpoints, checkpoints.c.id == jobs.c.init_checkpoint_id)
    .where(checkpoints.c.job_id == bindparam("of_job"), jobs.c.status.not_in(TERMINAL))
    .limit(1)
)
_STATUS = select(jobs.c.status).where(jobs.c.id == bindparam("job_id"), jobs.c.project == bindparam("project"))
_ATTEMPTS = Prepared(select(attempts).where(attempts.c.job_id == bindparam("job_id")).order_by(attempts.c.number))
_HISTORY = Prepared(
    select(events.c.type, events.c.at)
    .where(events.c.job_id == bindparam("job_id"), events.c.type.in_(_STATUS_EVENTS))
    .order_by(events.c.seq)
)
