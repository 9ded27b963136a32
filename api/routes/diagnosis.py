"""What the diagnosis found in a job."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api import schemas
from api.answers import answers
from api.authentication import JobsRead
from api.replies import json_response
from api.service import ServiceDep
from models import findings, jobs

router = APIRouter(tags=["diagnosis"])


@router.get("/v1/jobs/{job_id}/diagnosis", responses=answers(schemas.FindingList, 404))
def get_diagnosis(job_id: str, service: ServiceDep, principal: JobsRead) -> Response:
    """What the rules of `diagnosis` found, in order. A suggestion's `patch` is what `fork` takes as its `patch`."""
    with service.database.reading() as connection:
        jobs.status_of(connection, project=principal.project, job_id=job_id)
        found = findings.listing(connection, job_id=job_id)
    return json_response({"data": [finding.document() for finding in found]})
