"""Workers: who is there to train, with what, and how busy."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api import schemas
from api.answers import answers
from api.auditing import ChangeDep
from api.authentication import JobsRead, Operator
from api.replies import json_response
from api.service import ServiceDep
from models import workers

router = APIRouter(tags=["workers"])


@router.get("/v1/workers", responses=answers(schemas.WorkerList))
def list_workers(service: ServiceDep, principal: JobsRead) -> Response:
    """Every live worker, and which of the project's jobs it runs."""
    with service.database.reading() as connection:
        found = workers.listing(connection, project=principal.project)
    return json_response({"data": [worker.document() for worker in found]})


@router.post("/v1/workers/{worker_id}/drain", status_code=202, responses=answers(schemas.Worker, 404, status=202))
def drain_worker(worker_id: str, change: ChangeDep, principal: Operator) -> Response:
    """Have a worker finish what it runs and take nothing new; it hears of it with its next heartbeat."""
    with change.transaction() as connection:
        workers.drain(connection, worker_id=worker_id)
        found = workers.get(connection, worker_id=worker_id, project=principal.project)
    return json_response(found.document(), status=202)
