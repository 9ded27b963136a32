"""What a tracker is told of a job: the points behind the step that it knows, out of the database.

The database is the only source: a point that is not committed is told to nobody, and one that a tracker missed while it
was away is still there when it comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from models.json_text import decode
from models.leases import Lease
from models.metric_blobs import Points, unpack_all
from models.status import Status
from models.tables import jobs, metric_chunks, metric_series

#: Of each series at once; a feed that is far behind catches up in several portions.
_MOST_CHUNKS: Final = 8


@dataclass(frozen=True, slots=True)
class Portion:
    """Everything measured at some steps, in their order: no later portion has a point of these steps.

    `last_step` is the last of the steps, None where there are none; `is_all` where no step is left behind it but those
    that may still grow.
    """

    series: Mapping[str, Points]
    last_step: int | None
    is_all: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands for the tracker of one of its attempts; `test` are the scores of a job that has succeeded."""

    status: Status
    test: Mapping[str, float]
    steps: int


def standing(connection: Connection, lease: Lease) -> Standing | None:
    """Where the job stands; None where another attempt has begun or the job is gone."""
    row = connection.execute(_JOB, {"of_job": lease.job_id, "of_attempt": lease.attempt}).one_or_none()
    if row is None:
        return None
    result: Mapping[str, Any] = decode(row.result) or {}
    test = {f"test/{name}": score for name, score in (result.get("test") or {}).items() if isinstance(score, float)}
    return Standing(Status(row.status), test, int(result.get("steps") or 0))


def portion(connection: Connection, *, job_id: str, after_step: int, with_last: bool) -> Portion:
    """The next steps behind one. The very last step is left out unless `with_last`: while the job trains, its
    validation may still come.
    """
    rows = connection.execute(_SERIES, {"of_job": job_id, "after": after_step}).all()
    last = max((int(row.last_step) for row in rows), default=after_step)
    until = last if with_last else last - 1
    found: dict[str, Points] = {}
    for row in rows:
        packed = connection.execute(_CHUNKS, {"of_series": row.id, "after": after_step}).scalars().all()
        found[row.name] = points = unpack_all(packed)
        if len(points) and points.steps[-1] < row.last_step:
            until = min(until, int(points.steps[-1]))
    series = {name: points[(points.steps > after_step) & (points.steps <= until)] for name, points in found.items()}
    series = {name: points for name, points in series.items() if len(points)}
    reached = max((int(points.steps[-1]) for points in series.values()), default=None)
    return Portion(series, reached, is_all=until >= (last if with_last else last - 1))


_JOB = select(jobs.c.status, jobs.c.result).where(
    jobs.c.id == bindparam("of_job"), jobs.c.attempt == bindparam("of_attempt")
)
_SERIES = select(metric_series.c.id, metric_series.c.name, metric_series.c.last_step).where(
    metric_series.c.job_id == bindparam("of_job"), metric_series.c.last_step > bindparam("after")
)
_CHUNKS = (
    select(metric_chunks.c.packed)
    .where(metric_chunks.c.series_id == bindparam("of_series"), metric_chunks.c.last_step > bindparam("after"))
    .order_by(metric_chunks.c.number)
    .limit(_MOST_CHUNKS)
)
