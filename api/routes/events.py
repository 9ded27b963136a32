"""What happened to a job: as a list, or as a stream that ends with the job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import schemas, streaming
from api.answers import answers
from api.authentication import JobsRead
from api.feed import Feed, follow
from api.negotiation import VARY, wants
from api.replies import json_response
from api.service import Service, ServiceDep
from models import events, jobs
from models.errors import BadRequest

router = APIRouter(tags=["events"])

_LAST_SEQ = 2**31 - 1


@router.get("/v1/jobs/{job_id}/events", responses=answers(schemas.EventPage, 404, content=streaming.CONTENT))
async def list_events(
    job_id: str,
    request: Request,
    service: ServiceDep,
    principal: JobsRead,
    after: Annotated[int, Query(ge=0, le=_LAST_SEQ, description="Only events with a greater `seq`.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most events to answer with.")] = 200,
    last_event_id: Annotated[str | None, Header(description="Where a cut stream goes on; wins over `after`.")] = None,
) -> Response:
    """The events of a job, oldest first; with `Accept: text/event-stream` as they happen.

    The stream also carries frames without an id for what has its own endpoint: `progress`, `metrics` (new points: a
    series by name) and `log` (new text). Its last frame is `end`.
    """
    if not wants(request, streaming.MEDIA_TYPE):
        return await run_in_threadpool(
            _page, service, project=principal.project, job_id=job_id, after=after, limit=limit
        )
    feed = Feed(
        service, project=principal.project, job_id=job_id, after=min(last_event(last_event_id, after), _LAST_SEQ)
    )
    await run_in_threadpool(feed.open)
    return streaming.event_stream(follow(feed))


def _page(service: Service, *, project: str, job_id: str, after: int, limit: int) -> Response:
    with service.database.reading() as connection:
        jobs.status_of(connection, project=project, job_id=job_id)
        happened = events.listing(connection, job_id=job_id, after=after, limit=limit)
    documents = [event.document() for event in happened]
    return json_response({"data": documents, "next_after": happened[-1].seq if happened else after}, headers=VARY)


def last_event(last_event_id: str | None, after: int) -> int:
    """Where a stream begins: behind the id that a cut client saw last, else where it asks. Raises BadRequest."""
    if last_event_id is None or last_event_id == "":
        return after
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19):
        raise BadRequest(
            "Last-Event-ID takes the id of an event of this stream, a number.", code="invalid_last_event_id"
        )
    return int(last_event_id)
