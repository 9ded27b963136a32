"""What people and services ask of a job: cancel, pause, resume, stop, retry. Each is idempotent and right in every race
with finishing.

Each operation answers (status, changed): `changed` is False where what was asked for already holds, and a `Conflict`
carries the status where it can no longer be.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from models import doorbells, quotas
from models.clock import now
from models.errors import Conflict
from models.events import Entry
from models.jobs import status_of
from models.status import Status
from models.tables import jobs
from models.transitions import change


class Answer(NamedTuple):
    """Where the job stands after the operation, and whether the operation changed it."""

    status: Status
    changed: bool


def cancel(connection: Connection, *, project: str, job_id: str) -> Answer:
    """End a job: at once where nothing runs, else as soon as its trainer has heard of it. Raises `NotFound`,
    `Conflict`.
    """
    return _first_that_fits(
        connection,
        project,
        job_id,
        moves={
            (Status.QUEUED, Status.PAUSED): (
                Status.CANCELLED,
                {"cancel_requested_at": now(), "finished_at": now(), "phase": "finished"},
            ),
            (Status.RUNNING, Status.PAUSING): (Status.CANCELLING, {"cancel_requested_at": now()}),
        },
        holds={Status.CANCELLING, Status.CANCELLED},
        verb="cancelled",
    )


def pause(connection: Connection, *, project: str, job_id: str) -> Answer:
    """Put a job to rest; a running one writes a checkpoint first. Raises `NotFound`, `Conflict`."""
    return _first_that_fits(
        connection,
        project,
        job_id,
        moves={(Status.QUEUED,): (Status.PAUSED, {}), (Status.RUNNING,): (Status.PAUSING, {})},
        holds={Status.PAUSING, Status.PAUSED},
        verb="paused",
    )


def resume(connection: Connection, *, project: str, job_id: str) -> Answer:
    """Let a paused job go on. Raises `NotFound`, `Conflict`, and `TooManyRequests` where the project may queue no
    more.
    """
    queued = {"queued_at": now(), "available_at": now(), "phase": "waiting"}
    return _first_that_fits(
        connection,
        project,
        job_id,
        moves={(Status.PAUSED,): (Status.QUEUED, queued), (Status.PAUSING,): (Status.RUNNING, {})},
        holds={Status.QUEUED, Status.RUNNING},
        verb="resumed",
    )


def stop(connection: Connection, *, project: str, job_id: str) -> Answer:
    """End a running job's training now; it restores its best weights, is tested and succeeds. Raises `NotFound`,
    `Conflict`.
    """
    asked = change(
        connection,
        _is(project, job_id, (Status.RUNNING,)) & jobs.c.stop_requested_at.is_(None),
        {"stop_requested_at": now()},
        entries=[Entry("job.stopping", {})],
    )
    if asked is not None:
        return Answer(Status.RUNNING, changed=True)
    status = status_of(connection, project=project, job_id=job_id)
    if status in {Status.RUNNING, Status.SUCCEEDED}:
        return Answer(status, changed=False)
    raise _too_late(job_id, status, "stopped")


def retry(connection: Connection, *, project: str, job_id: str, from_scratch: bool = False) -> Answer:
    """Queue a failed or cancelled job again, from its last good checkpoint unless `from_scratch`. Raises `NotFound`,
    `Conflict`, and `TooManyRequests` where the project may queue no more.
    """
    values: dict[str, Any] = {
        "queued_at": now(),
        "available_at": now(),
        "finished_at": None,
        "phase": "waiting",
        "reason": None,
        "cancel_requested_at": None,
        "stop_requested_at": None,
        "infrastructure_failures": 0,
        "user_failures": 0,
        "stalled_attempts": 0,
        "generation": jobs.c.generation + 1,
    }
    if from_scratch:
        values |= {"scratch_attempt": jobs.c.attempt, "last_checkpoint_step": None, "progress": None}
    return _first_that_fits(
        connection,
        project,
        job_id,
        moves={(Status.FAILED, Status.CANCELLED): (Status.QUEUED, values)},
        holds={Status.QUEUED, Status.RUNNING},
        verb="retried",
    )


def _first_that_fits(
    connection: Connection,
    project: str,
    job_id: str,
    *,
    moves: dict[tuple[Status, ...], tuple[Status, dict[str, Any]]],
    holds: set[Status],
    verb: str,
) -> Answer:
    while True:
        for origins, (target, values) in moves.items():
            if _move(connection, _is(project, job_id, origins), target=target, values=values, job_id=job_id):
                return Answer(target, changed=True)
        status = status_of(connection, project=project, job_id=job_id)
        if status in holds:
            return Answer(status, changed=False)
        if not any(status in origins for origins in moves):
            raise _too_late(job_id, status, verb)
        # The job moved from one origin to another between two looks at it: look again.


def _move(connection: Connection, condition: Any, *, target: Status, values: dict[str, Any], job_id: str) -> bool:
    row = change(connection, condition, {**values, "status": target}, entries=[Entry(f"job.{target}", {})])
    if row is None:
        return False
    if target is Status.QUEUED:
        doorbells.leave(connection, job_id=job_id, pool=row.pool)
        quotas.admit(connection, project=row.project, device=row.device)
    elif not target.is_held:
        doorbells.take_away(connection, job_id=job_id)
    return True


def _is(project: str, job_id: str, statuses: tuple[Status, ...]) -> Any:
    return (jobs.c.id == job_id) & (jobs.c.project == project) & jobs.c.status.in_(statuses)


def _too_late(job_id: str, status: Status, verb: str) -> Conflict:
    return Conflict(f"Job {job_id} is {status} and cannot be {verb}.", code="job_status_conflict", job_status=status)
