"""Projects: make, list, read, limit, close, open again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from api import schemas
from api.answers import answers, body
from api.auditing import ChangeDep
from api.authentication import AnyScope, Operator
from api.bodies import JsonBody, validated
from api.conditional import Representation, strong_etag
from api.idempotency import Created, CreationDep
from api.pagination import PagingDep
from api.replies import json_bytes, json_response
from api.service import Service, ServiceDep
from models import controls, projects, quotas
from models.database import Connection
from models.errors import Conflict, NotFound
from models.projects import Project

router = APIRouter(tags=["projects"])

_EXAMPLE = {"name": "risk", "quotas": {"running_jobs": 4, "gpu_seconds": 360000}}


@router.post(
    "/v1/projects",
    status_code=201,
    responses=answers(schemas.Project, 409, 413, 415, status=201),
    openapi_extra=body("ProjectRequest", example=_EXAMPLE),
)
def create_project(_: Operator, document: JsonBody, creation: CreationDep) -> Response:
    """Make a project. A key made for a project that there is not makes it too."""
    if (replayed := creation.replay()) is not None:
        return replayed
    wanted = validated(schemas.ProjectRequest, document)

    def make(connection: Connection) -> Created:
        made = projects.create(connection, name=wanted.name)
        quotas.change(connection, project=made.name, limits=wanted.quotas.model_dump(exclude_unset=True))
        content = json_bytes(_document(connection, made))
        return Created(Representation(content, strong_etag(content)), location=f"/v1/projects/{made.name}")

    return creation.run(make)


@router.get("/v1/projects", responses=answers(schemas.ProjectPage))
def list_projects(service: ServiceDep, _: Operator, paging: PagingDep) -> Response:
    """All projects, newest first."""
    wanted = paging.wanted({})
    with service.database.reading() as connection:
        found = projects.listing(connection, page=wanted)
    return paging.response(found, filters={}, key=lambda project: project.id, document=Project.document)


@router.get("/v1/projects/{project}", responses=answers(schemas.Project, 404))
def get_project(project: str, service: ServiceDep, principal: AnyScope) -> Response:
    """A project with what it takes and may take. Without `operator` only the key's own is there."""
    if principal.reach() not in {None, project}:
        raise NotFound(f"There is no project {project}.")
    with service.database.reading() as connection:
        return json_response(_document(connection, projects.get(connection, name=project)))


@router.patch(
    "/v1/projects/{project}",
    responses=answers(schemas.Project, 404, 413, 415),
    openapi_extra=body("ProjectChanges", example={"quotas": {"queued_jobs": 100, "gpu_seconds": None}}),
)
def update_project(project: str, change: ChangeDep, _: Operator, document: JsonBody) -> Response:
    """Change what a project may take. What it already takes beyond that, it keeps."""
    limits = validated(schemas.ProjectChanges, document).quotas.model_dump(exclude_unset=True)
    with change.transaction() as connection:
        found = projects.get(connection, name=project)
        quotas.change(connection, project=project, limits=limits)
        return json_response(_document(connection, found))


@router.post("/v1/projects/{project}/close", responses=answers(schemas.Project, 404, 409))
def close_project(project: str, service: ServiceDep, change: ChangeDep, principal: Operator) -> Response:
    """Put a project to sleep: its keys are refused from the next request on, what waits is not begun, and what trains
    is paused with a checkpoint. Nothing is deleted.
    """
    if project == principal.project:
        raise Conflict("The project of the key that asks stays open.", code="own_project")
    with change.transaction() as connection:
        closed = projects.close(connection, name=project)
        held = projects.held_jobs(connection, name=project)
    service.key_cache.clear()
    for job_id in held:
        _pause(service, project=project, job_id=job_id)
    with service.database.reading() as connection:
        return json_response(_document(connection, closed))


@router.post("/v1/projects/{project}/open", responses=answers(schemas.Project, 404))
def open_project(project: str, change: ChangeDep, _: Operator) -> Response:
    """Let a closed project go on: its keys are good again, and what waits is begun. Paused jobs wait to be resumed."""
    with change.transaction() as connection:
        return json_response(_document(connection, projects.reopen(connection, name=project)))


def _pause(service: Service, *, project: str, job_id: str) -> None:
    """Pause a job, unless it has ended meanwhile. In a transaction of its own: a claim locks jobs before projects."""
    try:
        with service.database.unit_of_work() as connection:
            controls.pause(connection, project=project, job_id=job_id)
    except (Conflict, NotFound):
        return
    service.doorbell.nudge(job_id)


def _document(connection: Connection, project: Project) -> dict[str, Any]:
    return {**project.document(), "quotas": quotas.document(connection, project=project.name)}
