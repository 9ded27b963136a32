"""Jobs that come from other jobs, and what is different between them: fork, reproduce, compare."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import schemas
from api.answers import answers, body
from api.authentication import JobsRead, JobsWrite
from api.bodies import OptionalJsonBody, validated
from api.conditional import Representation
from api.idempotency import Created, Creation, OptionalCreationDep
from api.replies import json_response
from api.service import Service, ServiceDep
from models import comparison, jobs, submission
from models.errors import FieldError, Unprocessable
from models.merge_patch import merged
from models.submission import Submission

router = APIRouter(tags=["jobs"])

_MOST_COMPARED: Final = 20
_EXAMPLE: Final = {"patch": {"optimizer": {"learning_rate": 0.0003}}, "from_checkpoint": "best"}


@router.get("/v1/jobs/compare", responses=answers(schemas.Comparison, 404))
def compare_jobs(
    service: ServiceDep,
    principal: JobsRead,
    ids: Annotated[str, Query(max_length=2000, description="Two to twenty jobs, by comma.")],
) -> Response:
    """Where the resolved specs differ, what each job scored, and the first step at which the training losses part."""
    wanted = list(dict.fromkeys(part.strip() for part in ids.split(",") if part.strip()))
    if not 2 <= len(wanted) <= _MOST_COMPARED:
        detail = f"must name two to {_MOST_COMPARED} different jobs, by comma"
        raise Unprocessable(f"?ids {detail}.", code="invalid_parameter", errors=[FieldError("?ids", detail)])
    with service.database.reading() as connection:
        return json_response(comparison.compare(connection, project=principal.project, job_ids=wanted))


@router.post(
    "/v1/jobs/{job_id}/fork",
    status_code=201,
    responses=answers(schemas.Job, 404, 409, 413, 415, status=201),
    openapi_extra=body("ForkRequest", example=_EXAMPLE, required=False),
)
def fork_job(
    job_id: str,
    service: ServiceDep,
    principal: JobsWrite,
    document: OptionalJsonBody,
    creation: OptionalCreationDep,
) -> Response:
    """Submit a new job from this one's spec with changes, and with its weights where a checkpoint is named."""
    if (replayed := creation.replay()) is not None:
        return replayed
    wish = validated(schemas.ForkRequest, document)
    with service.database.reading() as connection:
        parent = jobs.get(connection, project=principal.project, job_id=job_id)
        changed = merged(parent.spec, wish.patch)
        if wish.from_checkpoint is not None:
            changed["init_from"] = {"job": parent.id, "checkpoint": str(wish.from_checkpoint)}
        prepared = submission.descended(
            connection,
            project=principal.project,
            document=changed,
            destinations=service.destinations,
            parent_id=parent.id,
            origin="fork",
        )
    return _queued(service, creation, prepared, project=principal.project)


@router.post("/v1/jobs/{job_id}/reproduce", status_code=201, responses=answers(schemas.Job, 404, 409, status=201))
def reproduce_job(
    job_id: str, service: ServiceDep, principal: JobsWrite, document: OptionalJsonBody, creation: OptionalCreationDep
) -> Response:
    """Run a job again, every default as it was. `reproduction` of the new job says whether its weights are equal."""
    if (replayed := creation.replay()) is not None:
        return replayed
    validated(schemas.Nothing, document)
    with service.database.reading() as connection:
        parent = jobs.get(connection, project=principal.project, job_id=job_id)
        again = dict(parent.resolved_spec)
        prepared = submission.descended(
            connection,
            project=principal.project,
            document=again,
            destinations=service.destinations,
            parent_id=parent.id,
            origin="reproduction",
        )
    return _queued(service, creation, prepared, project=principal.project)


def _queued(service: Service, creation: Creation, prepared: Submission, *, project: str) -> Response:
    def queue(connection: Any) -> Created:
        job = submission.queue(connection, prepared, project=project)
        return Created(Representation.of(job.document()), location=f"/v1/jobs/{job.id}")

    response = creation.run(queue)
    service.doorbell.ring(prepared.resolved["resources"]["pool"])
    return response
