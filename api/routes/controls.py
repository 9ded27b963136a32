"""Steering a job: cancel, pause, resume, stop, retry. 202 where the request changed something, 200 where it already
held.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from api import schemas
from api.answers import Answers, answers, body
from api.auditing import Change, ChangeDep
from api.authentication import JobsWrite
from api.bodies import OptionalJsonBody, validated
from api.conditional import Representation
from api.service import Service, ServiceDep
from models import controls, jobs
from models.status import Status

router = APIRouter(tags=["jobs"])


def _answers(*problems: int) -> Answers:
    holds: Answers = {200: {"description": "It already is what was asked for.", "model": schemas.Job}}
    return holds | answers(schemas.Job, 404, 409, *problems, status=202)


@router.post("/v1/jobs/{job_id}/cancel", status_code=202, responses=_answers())
def cancel_job(job_id: str, service: ServiceDep, change: ChangeDep, principal: JobsWrite) -> Response:
    """End a job. What has not begun ends at once; of a running job's outcomes the first to be stored wins."""
    return _steer(service, change, principal.project, job_id, controls.cancel)


@router.post("/v1/jobs/{job_id}/pause", status_code=202, responses=_answers())
def pause_job(job_id: str, service: ServiceDep, change: ChangeDep, principal: JobsWrite) -> Response:
    """Put a job to rest. A running one writes a checkpoint first."""
    return _steer(service, change, principal.project, job_id, controls.pause)


@router.post("/v1/jobs/{job_id}/resume", status_code=202, responses=_answers())
def resume_job(job_id: str, service: ServiceDep, change: ChangeDep, principal: JobsWrite) -> Response:
    """Let a paused job go on, from its checkpoint."""
    return _steer(service, change, principal.project, job_id, controls.resume)


@router.post("/v1/jobs/{job_id}/stop", status_code=202, responses=_answers())
def stop_job(job_id: str, service: ServiceDep, change: ChangeDep, principal: JobsWrite) -> Response:
    """End training now: the best weights are restored, tested and kept, and the job succeeds."""
    return _steer(service, change, principal.project, job_id, controls.stop)


@router.post(
    "/v1/jobs/{job_id}/retry",
    status_code=202,
    responses=_answers(413, 415),
    openapi_extra=body("RetryRequest", example={"from_scratch": False}, required=False),
)
def retry_job(
    job_id: str, service: ServiceDep, change: ChangeDep, principal: JobsWrite, document: OptionalJsonBody
) -> Response:
    """Queue a failed or cancelled job again, from its last good checkpoint unless `from_scratch`."""
    wish = validated(schemas.RetryRequest, document)

    def retry(connection: Any, *, project: str, job_id: str) -> controls.Answer:
        return controls.retry(connection, project=project, job_id=job_id, from_scratch=wish.from_scratch)

    return _steer(service, change, principal.project, job_id, retry)


def _steer(
    service: Service, change: Change, project: str, job_id: str, operation: Callable[..., controls.Answer]
) -> Response:
    with change.transaction() as connection:
        answer = operation(connection, project=project, job_id=job_id)
        job = jobs.get(connection, project=project, job_id=job_id)
    if answer.changed and answer.status is Status.QUEUED:
        service.doorbell.ring(job.pool)
    elif answer.changed and answer.status.is_held:
        service.doorbell.nudge(job_id)
    return Representation.of(job.document()).response(status=202 if answer.changed else 200)
