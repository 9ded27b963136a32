"""What a Prometheus server scrapes."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import answers
from api.authentication import MetricsRead
from api.readiness import OK
from api.service import Service, ServiceDep
from models.errors import Unavailable
from models.overview import Overview, overview

router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    response_class=Response,
    responses=answers(None, content={"text/plain": {"schema": {"type": "string"}}}),
)
async def scrape_metrics(service: ServiceDep, _principal: MetricsRead) -> Response:
    """Jobs by pool and status, waits, attempts by outcome, workers and their GPUs, deliveries, whether the parts of
    `/readyz` are ok, and this process's request times and repairs. A database that is away leaves the rest.
    """
    from api import exposition  # the client library is for those who scrape

    report = await service.readiness.report()
    began = time.monotonic()
    found = await run_in_threadpool(_overview, service) if report.parts["database"] == OK else None
    scrape = exposition.Scrape(
        overview=found,
        parts={name: word == OK for name, word in report.parts.items()},
        overview_seconds=time.monotonic() - began,
        busy_connections=service.database.num_busy,
    )
    content = await run_in_threadpool(
        exposition.exposition, scrape, service.requests.registry, service.repairs.registry
    )
    return Response(content, media_type=exposition.MEDIA_TYPE)


def _overview(service: Service) -> Overview | None:
    try:
        with service.database.reading() as connection:
            return overview(connection)
    except Unavailable:
        return None
