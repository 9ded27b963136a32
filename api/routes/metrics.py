"""The metrics of a job: their names, and each one's series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response, StreamingResponse

from api import schemas
from api.answers import answers
from api.authentication import JobsRead
from api.negotiation import VARY, wants
from api.replies import json_response
from api.service import ServiceDep
from models import jobs

if TYPE_CHECKING:
    from models.metrics import Buckets

router = APIRouter(tags=["metrics"])

_CSV = "text/csv"
_COLUMNS = ("step", "time", "value", "min", "max", "count")
_MAX_POINTS = 100_000


@router.get("/v1/jobs/{job_id}/metrics", responses=answers(schemas.MetricNames, 404))
def list_metrics(job_id: str, service: ServiceDep, principal: JobsRead) -> Response:
    """Every metric of a job, with its last, smallest, greatest and best value."""
    from models import metrics  # the service is up before NumPy is

    with service.database.reading() as connection:
        jobs.status_of(connection, project=principal.project, job_id=job_id)
        lines = metrics.names(connection, job_id=job_id)
    return json_response({"data": [line.document() for line in lines]})


@router.get(
    "/v1/jobs/{job_id}/metrics/{name:path}",
    responses=answers(schemas.Series, 404, content={_CSV: {"schema": {"type": "string"}}}),
)
def get_metric(
    job_id: str,
    name: Annotated[
        str, Path(max_length=200, description="A name of the list above, slashes included.", examples=["train/loss"])
    ],
    request: Request,
    service: ServiceDep,
    principal: JobsRead,
    max_points: Annotated[int, Query(ge=1, le=_MAX_POINTS, description="Most buckets to answer with.")] = 1000,
    after_step: Annotated[int | None, Query(ge=-1, le=2**62, description="Only points behind this step.")] = None,
) -> Response:
    """One series in columns, cut into buckets whose `min` and `max` hide no spike; as CSV with `Accept: text/csv`."""
    from models import metrics  # the service is up before NumPy is

    with service.database.reading() as connection:
        jobs.status_of(connection, project=principal.project, job_id=job_id)
        points = metrics.series(connection, job_id=job_id, name=name, after_step=after_step)
    series = metrics.buckets(name, points, max_points=max_points)
    if not wants(request, _CSV):
        return Response(series.json(), headers=VARY, media_type="application/json")
    headers = {"Content-Disposition": f'attachment; filename="{job_id}-{name.replace("/", "-")}.csv"', **VARY}
    return StreamingResponse(_csv(series), headers=headers, media_type=_CSV)


def _csv(series: Buckets) -> Iterator[str]:
    document = series.document()
    rows = zip(*(document[column] for column in _COLUMNS), strict=True)
    yield ",".join(_COLUMNS) + "\r\n"
    for row in rows:
        yield ",".join(map(str, row)) + "\r\n"
