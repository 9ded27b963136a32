"""A job as TensorBoard reads it."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from api.answers import answers
from api.authentication import JobsRead
from api.service import ServiceDep
from models import jobs

router = APIRouter(tags=["metrics"])

_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.get("/v1/jobs/{job_id}/tensorboard", response_class=Response, responses=answers(None, 404, content=_BINARY))
def download_event_file(job_id: str, service: ServiceDep, principal: JobsRead) -> Response:
    """Metrics, histograms, choices and test scores as they stand now, in a TensorBoard event file. Put it into a folder
    of its own below the one that TensorBoard watches; a newer one takes its place.
    """
    from models import tensorboard  # the service is up before NumPy is

    with service.database.reading() as connection:
        job = jobs.get(connection, project=principal.project, job_id=job_id)
    now = time.time()
    name = tensorboard.file_name(job, time=now)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-cache"}
    content = tensorboard.event_file(service.database, job, time=now)
    return StreamingResponse(content, headers=headers, media_type="application/octet-stream")
