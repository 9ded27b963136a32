"""Dry runs of a step: a spec goes to a worker, which tries it; the request waits and holds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from api.answering import answered
from api.service import Service
from models import dry_runs
from models.errors import FieldError, TimedOut, TrainyardError, Unavailable, Unprocessable
from models.submission import Submission

_ERRORS: Final[Mapping[int, type[TrainyardError]]] = {422: Unprocessable, 504: TimedOut}


async def tried(service: Service, prepared: Submission, *, project: str) -> dict[str, Any]:
    """What a worker finds when it tries the spec. Raises what the worker says, `Unavailable` where none can run it, and
    `TimedOut` when the time is up.
    """
    dry_run_id = await run_in_threadpool(_ask, service, prepared, project)
    try:
        found = await _found(service, dry_run_id)
    finally:
        await run_in_threadpool(_forget, service, dry_run_id)
    if "problem" in found:
        raise _error(found["problem"])
    return found


def _ask(service: Service, prepared: Submission, project: str) -> str:
    with service.database.unit_of_work() as connection:
        dry_run_id = dry_runs.ask(
            connection,
            project=project,
            sent=prepared.sent,
            resolved=prepared.resolved,
            timeout_seconds=service.settings.dry_run_seconds,
        )
    service.doorbell.nudge(dry_runs.nudge(prepared.resolved["resources"]["pool"]))
    return dry_run_id


async def _found(service: Service, dry_run_id: str) -> dict[str, Any]:
    def look() -> Any | None:
        with service.database.reading() as connection:
            return dry_runs.answer_to(connection, dry_run_id=dry_run_id)

    detail = "No worker has tried the step in time: all are busy, or the data takes long to prepare."
    late = TimedOut(detail, code="dry_run_timeout")
    return await answered(service.findings, dry_run_id, look, seconds=service.settings.dry_run_seconds, late=late)


def _forget(service: Service, dry_run_id: str) -> None:
    with service.database.unit_of_work() as connection:
        dry_runs.forget(connection, dry_run_id=dry_run_id)


def _error(problem: Mapping[str, Any]) -> TrainyardError:
    """The error that the worker tells of."""
    errors = [FieldError(**mistake) for mistake in problem.get("errors", ())]
    return _ERRORS.get(problem["status"], Unavailable)(problem["detail"], code=problem["code"], errors=errors)
