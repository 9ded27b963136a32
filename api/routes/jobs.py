"""Jobs: submit, list, read, change, steer, delete."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from api import schemas
from api.answers import answers, body
from api.auditing import ChangeDep
from api.authentication import JobsRead, JobsWrite
from api.bodies import JsonBody, validated
from api.conditional import Representation, Wait, is_known, require, wait_preference
from api.discarding import discard
from api.dry_running import tried
from api.idempotency import Created, Creation, CreationDep
from api.pagination import PagingDep
from api.parameters import LabelsDep
from api.reading import look
from api.replies import json_response
from api.service import Service, ServiceDep
from models import jobs, submission
from models.database import Connection, Reader
from models.errors import FieldError, Unprocessable
from models.job import Job
from models.job_filter import JobFilter
from models.principal import Principal
from models.status import Status
from models.submission import Submission

router = APIRouter(tags=["jobs"])

_EXAMPLE = {
    "name": "digits",
    "data": {"dataset": "digits"},
    "network": {"type": "mlp", "hidden": [64]},
    "training": {"epochs": 6},
}


@router.post(
    "/v1/jobs",
    status_code=201,
    responses={
        200: {"description": "Dry run: what the spec would become.", "model": schemas.DryRun},
        **answers(schemas.Job, 409, 413, 415, 504, status=201),
    },
    openapi_extra=body("JobSpec", example=_EXAMPLE),
)
async def create_job(
    service: ServiceDep,
    principal: JobsWrite,
    document: JsonBody,
    creation: CreationDep,
    dry_run: Annotated[
        Literal["schema", "data", "step"] | None,
        Query(
            description="Store nothing. `schema`: check and resolve; `data`: and tell what is known of the data; "
            "`step`: have a worker take the first steps for real, and tell shapes, memory and time."
        ),
    ] = None,
) -> Response:
    """Submit a job. It is stored before the answer leaves, and an idle worker of its pool hears of it at once."""
    if (replayed := await creation.replay_soon()) is not None:
        return replayed

    def prepare(connection: Reader) -> Submission:
        return submission.prepare(
            cast("Connection", connection),
            project=principal.project,
            document=document,
            destinations=service.destinations,
        )

    prepared = await look(service.database, prepare)
    if dry_run is None:
        return await _created(service, principal, prepared, creation)
    answer: dict[str, Any] = {"resolved_spec": prepared.resolved}
    if dry_run == "data":
        answer["data_report"] = prepared.profile.model_dump(mode="json")
    if dry_run == "step":
        answer |= await tried(service, prepared, project=principal.project)
    return json_response(answer)


async def _created(service: Service, principal: Principal, prepared: Submission, creation: Creation) -> Response:
    def queue(connection: Any) -> Created:
        job = submission.queue(connection, prepared, project=principal.project)
        return Created(Representation.of(job.document()), location=f"/v1/jobs/{job.id}")

    response = await creation.run_soon(queue)
    service.doorbell.ring(prepared.resolved["resources"]["pool"])
    return response


@router.get("/v1/jobs", responses=answers(schemas.JobPage))
def list_jobs(
    service: ServiceDep,
    principal: JobsRead,
    paging: PagingDep,
    labels: LabelsDep,
    status: Annotated[list[Status] | None, Query(description="May be repeated: any of these.")] = None,
    name: Annotated[str | None, Query(max_length=200, description="Jobs of exactly this name.")] = None,
    parent: Annotated[str | None, Query(max_length=48, description="Jobs forked from it or reproducing it.")] = None,
    pool: Annotated[str | None, Query(max_length=64, description="Jobs that workers of this pool train.")] = None,
    created_after: Annotated[datetime | None, Query(description="RFC 3339, with an offset.")] = None,
    created_before: Annotated[datetime | None, Query(description="RFC 3339, with an offset.")] = None,
) -> Response:
    """Jobs, newest first. `label.KEY=VALUE` narrows the list to jobs with that label."""
    where = JobFilter(
        status=tuple(status or ()),
        name=name,
        labels=labels,
        pool=pool,
        created_after=_moment("created_after", created_after),
        created_before=_moment("created_before", created_before),
        parent=parent,
    )
    wanted = paging.wanted(where.document())
    with service.database.reading() as connection:
        found = jobs.listing(connection, project=principal.project, where=where, page=wanted)
    return paging.response(found, filters=where.document(), key=lambda job: job.id, document=_summary)


@router.get("/v1/jobs/{job_id}", responses=answers(schemas.Job, 404) | {304: {"description": "Nothing has changed."}})
async def get_job(
    job_id: str,
    service: ServiceDep,
    principal: JobsRead,
    if_none_match: Annotated[str | None, Header(description="An `ETag`: answer 304 where nothing has changed.")] = None,
    prefer: Annotated[str | None, Header(description="`wait=N`: wait up to N seconds for a change.")] = None,
) -> Response:
    """One job. With `If-None-Match` and `Prefer: wait=30` the answer comes when the job changes, or after that time
    as 304.
    """
    wait = wait_preference(prefer)
    read = partial(service.renderings.job, project=principal.project, job_id=job_id)
    current = await look(service.database, read)
    if wait is not None and is_known(current.etag, if_none_match):
        current = await _changed(service, job_id, read=read, known=current.etag, wait=wait)
    headers = wait.headers if wait is not None else {}
    return current.response(status=304 if is_known(current.etag, if_none_match) else 200, headers=headers)


@router.patch(
    "/v1/jobs/{job_id}",
    responses=answers(schemas.Job, 404, 412, 413, 415),
    openapi_extra=body("JobChanges", example={"labels": {"team": "risk", "draft": None}}),
)
def update_job(
    job_id: str,
    change: ChangeDep,
    principal: JobsWrite,
    document: JsonBody,
    if_match: Annotated[
        str | None, Header(description="An `ETag`: change nothing where it is no longer current.")
    ] = None,
) -> Response:
    """Change name, labels or priority. Labels are merged; null removes one."""
    changes = validated(schemas.JobChanges, document).model_dump(exclude_unset=True)
    with change.transaction() as connection:
        job = jobs.get(connection, project=principal.project, job_id=job_id)
        require(Representation.of(job.document()).etag, if_match)
        if "labels" in changes:
            changes["labels"] = merged = _merged(job.labels, changes["labels"])
            validated(schemas.JobChanges, {"labels": merged})
        if changes:
            job = jobs.update(connection, project=principal.project, job_id=job_id, changes=changes)
    return Representation.of(job.document()).response()


@router.delete("/v1/jobs/{job_id}", status_code=204, responses=answers(None, 404, 409, 412, status=204))
def delete_job(
    job_id: str,
    service: ServiceDep,
    change: ChangeDep,
    principal: JobsWrite,
    if_match: Annotated[
        str | None, Header(description="An `ETag`: delete nothing where it is no longer current.")
    ] = None,
) -> Response:
    """Delete a job that is over, with its events, metrics, log and checkpoints."""
    with change.transaction() as connection:
        if if_match is not None:
            job = jobs.get(connection, project=principal.project, job_id=job_id)
            require(Representation.of(job.document()).etag, if_match)
        jobs.remove(connection, project=principal.project, job_id=job_id)
    discard(service, f"jobs/{job_id}")
    return Response(status_code=204)


def _summary(job: Job) -> dict[str, Any]:
    """The job as lists show it: without what would take a query for each."""
    document = job.document()
    return {name: value for name, value in document.items() if name not in {"attempts", "history", "queue"}}


async def _changed(
    service: Service, job_id: str, *, read: Callable[[Reader], Representation], known: str, wait: Wait
) -> Representation:
    """The job once it is no longer what the client knows, or when the time is up. Holds no thread and no connection
    meanwhile.
    """
    deadline = time.monotonic() + wait.seconds
    with service.watcher.listening(job_id) as listener:
        while True:
            current = await look(service.database, read)
            left = deadline - time.monotonic()
            if current.etag != known or left <= 0 or listener.is_closed:
                return current
            await listener.change(timeout_seconds=left)


def _merged(labels: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**labels, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def _moment(name: str, moment: datetime | None) -> float | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        detail = "must have an offset, such as 2026-11-22T10:20:30Z"
        raise Unprocessable(f"?{name} {detail}.", code="invalid_parameter", errors=[FieldError(f"?{name}", detail)])
    return moment.timestamp()
