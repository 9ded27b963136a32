"""What a Prometheus server scrapes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import answers
from api.authentication import MetricsRead
from api.service import ServiceDep
from models.overview import overview

router = APIRouter(tags=["operations"])


@router.get("/metrics", responses=answers(None, content={"text/plain": {"schema": {"type": "string"}}}))
def scrape_metrics(service: ServiceDep, _principal: MetricsRead) -> Response:
    """Jobs by pool and status, waits, attempts by outcome, workers, deliveries, and this process's request times."""
    from api import exposition  # the client library is for those who scrape

    with service.database.reading() as connection:
        figures = overview(connection)
    return Response(exposition.exposition(service.requests, figures), media_type=exposition.MEDIA_TYPE)
