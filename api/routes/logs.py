"""The log of a job: one text over all its attempts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import streaming
from api.answers import answers
from api.authentication import JobsRead
from api.negotiation import VARY, wants
from api.routes.events import last_event
from api.service import Service, ServiceDep
from models import jobs, logs
from models.errors import NotFound, Unavailable
from models.logs import LogPart
from models.status import Status

router = APIRouter(tags=["logs"])


@router.get(
    "/v1/jobs/{job_id}/logs",
    response_class=Response,
    responses=answers(None, 404, content={"text/plain": {"schema": {"type": "string"}}, **streaming.CONTENT}),
)
async def get_log(
    job_id: str,
    request: Request,
    service: ServiceDep,
    principal: JobsRead,
    tail: Annotated[int | None, Query(ge=1, le=10_000, description="Only this many last lines.")] = None,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="Only what stands behind this byte.")] = None,
    last_event_id: Annotated[str | None, Header(description="Where a cut stream goes on; wins over `after`.")] = None,
) -> Response:
    """A job's log as text, a mebibyte at a time: the header `X-Next-After` is the `after` of what follows.

    With `Accept: text/event-stream` the log is followed until the job ends; the id of each frame is the byte behind it.
    """
    follows = wants(request, streaming.MEDIA_TYPE)
    place = last_event(last_event_id, after or 0) if follows else after or 0
    reader = _Reader(service, project=principal.project, job_id=job_id, after=place)
    part, _ = await run_in_threadpool(reader.read, tail=None if last_event_id else tail)
    if follows:
        return streaming.event_stream(_follow(reader, part))
    return Response(
        part.content, headers={"X-Next-After": str(part.next_after), **VARY}, media_type="text/plain; charset=utf-8"
    )


class _Reader:
    """One reader's place in a log."""

    def __init__(self, service: Service, *, project: str, job_id: str, after: int) -> None:
        self.service = service
        self.job_id = job_id
        self._project = project
        self._after = after

    def read(self, *, tail: int | None = None) -> tuple[LogPart, Status]:
        """What has been written since the last call, and the job's status before it."""
        with self.service.database.reading() as connection:
            status = jobs.status_of(connection, project=self._project, job_id=self.job_id)
            if tail is not None:
                part = logs.tail(connection, job_id=self.job_id, num_lines=tail)
            else:
                part = logs.read(connection, job_id=self.job_id, after=self._after)
        self._after = part.next_after
        return part, status


async def _follow(reader: _Reader, first: LogPart) -> AsyncIterator[bytes]:
    yield streaming.greeting()
    if first.content:
        yield _frame(first)
    with reader.service.watcher.listening(reader.job_id) as listener:
        while not listener.is_closed:
            try:
                part, status = await run_in_threadpool(reader.read)
            except NotFound:
                yield streaming.frame("end", {"reason": "deleted"})
                return
            except Unavailable:
                yield streaming.KEEPALIVE
                await listener.change(timeout_seconds=streaming.OUTAGE_PAUSE_SECONDS)
                continue
            if part.content:
                yield _frame(part)
            elif status.is_terminal:
                yield streaming.frame("end", {"reason": "finished"})
                return
            else:
                while not await listener.change(timeout_seconds=streaming.KEEPALIVE_SECONDS):
                    yield streaming.KEEPALIVE


def _frame(part: LogPart) -> bytes:
    data = {"text": part.content.decode(errors="replace"), "next_after": part.next_after}
    return streaming.frame("log", data, identifier=part.next_after)
