"""Checkpoints of a job, and their files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import schemas
from api.answers import answers
from api.authentication import JobsRead
from api.conditional import Representation, is_known
from api.ranges import Download, send
from api.replies import json_response
from api.service import Service, ServiceDep
from models import checkpoints, jobs
from models.checkpoints import Checkpoint

router = APIRouter(tags=["checkpoints"])

Ref = Annotated[
    str, Path(max_length=64, description="An id, a step number, `best`, `latest` or `final`.", examples=["best"])
]
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.get("/v1/jobs/{job_id}/checkpoints", responses=answers(schemas.CheckpointList, 404))
def list_checkpoints(job_id: str, service: ServiceDep, principal: JobsRead) -> Response:
    """The checkpoints that are kept, newest step first."""
    with service.database.reading() as connection:
        jobs.status_of(connection, project=principal.project, job_id=job_id)
        found = checkpoints.listing(connection, job_id=job_id)
    return json_response({"data": [checkpoint.document() for checkpoint in found]})


@router.get(
    "/v1/jobs/{job_id}/checkpoints/{ref}",
    responses=answers(schemas.Checkpoint, 404) | {304: {"description": "Nothing has changed."}},
)
def get_checkpoint(
    job_id: str,
    ref: Ref,
    service: ServiceDep,
    principal: JobsRead,
    if_none_match: Annotated[str | None, Header(description="An `ETag`: answer 304 where nothing has changed.")] = None,
) -> Response:
    """One checkpoint."""
    found = Representation.of(_find(service, project=principal.project, job_id=job_id, ref=ref).document())
    return found.response(status=304 if is_known(found.etag, if_none_match) else 200)


@router.get(
    "/v1/jobs/{job_id}/checkpoints/{ref}/files/{name}",
    response_class=Response,
    responses={
        206: {"description": "The range that was asked for.", "content": _BINARY},
        304: {"description": "The client has it."},
        307: {"description": "The object store has it, at `Location`; the link lasts for minutes."},
        **answers(None, 404, 416, content=_BINARY),
    },
)
async def download_checkpoint_file(
    job_id: str,
    ref: Ref,
    name: Annotated[str, Path(max_length=128, description="One of `files`.", examples=["weights.safetensors"])],
    request: Request,
    service: ServiceDep,
    principal: JobsRead,
) -> Response:
    """A file of a checkpoint, whole or one `Range` of it. `Repr-Digest` carries the SHA-256 of the whole."""
    checkpoint = await run_in_threadpool(_find, service, project=principal.project, job_id=job_id, ref=ref)
    entry = checkpoint.file(name)
    download = Download(
        f"{checkpoint.location}/{entry['name']}", name=entry["name"], num_bytes=entry["bytes"], sha256=entry["sha256"]
    )
    return await send(request, download, store=service.artifacts, may_redirect=service.settings.downloads == "redirect")


def _find(service: Service, *, project: str, job_id: str, ref: str) -> Checkpoint:
    with service.database.reading() as connection:
        jobs.status_of(connection, project=project, job_id=job_id)
        return checkpoints.find(connection, job_id=job_id, ref=ref)
