"""Metric series: appended in packed chunks, summarised as they come, read back in buckets that hide no spike.

All chunks of a series but the last are full, so the number of points says where the next one goes. A point at or before
the last step is dropped, which makes a repeated append harmless.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, tuple_, update

from models.errors import NotFound
from models.identifiers import new_id
from models.json_text import number
from models.metric_blobs import CHUNK_POINTS, Points, join, pack, unpack, unpack_all
from models.tables import metric_chunks, metric_series

#: The last word of a metric's name that makes less of it better.
LOWER_IS_BETTER: Final = frozenset({"loss", "mse", "mae", "rmse", "mape", "error", "gradient_norm", "perplexity"})
#: Letters of `2026-11-22T10:20:30.123456Z`.
_MOMENT_LENGTH: Final = 27


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is known of a series without reading it."""

    name: str
    points: int
    last_step: int
    last_value: float
    minimum: float | None
    minimum_step: int | None
    maximum: float | None
    maximum_step: int | None

    def document(self) -> dict[str, Any]:
        """The series' line in the list of names."""
        lower = is_lower_better(self.name)
        best_step, best = (self.minimum_step, self.minimum) if lower else (self.maximum_step, self.maximum)
        return {
            "name": self.name,
            "points": self.points,
            "last": {"step": self.last_step, "value": number(self.last_value)},
            "min": number(self.minimum),
            "max": number(self.maximum),
            "best": None if best_step is None else {"step": best_step, "value": number(best)},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """A series cut into buckets of neighbouring points; every column has one entry a bucket."""

    name: str
    points: Points  # step and time of each bucket's last point, mean of its values (NaN left out)
    minimum: np.ndarray[Any, np.dtype[np.float64]]
    maximum: np.ndarray[Any, np.dtype[np.float64]]
    count: np.ndarray[Any, np.dtype[np.int64]]

    def document(self) -> dict[str, Any]:
        """The columns as the API shows them."""
        return self._shown(_moments(self.points.times))

    def _shown(self, times: list[str] | orjson.Fragment) -> dict[str, Any]:
        return {
            "name": self.name,
            "step": self.points.steps.tolist(),
            "time": times,
            "value": _numbers(self.points.values),
            "min": _numbers(self.minimum),
            "max": _numbers(self.maximum),
            "count": self.count.tolist(),
        }

    def json(self) -> bytes:
        """The document as JSON text."""
        return orjson.dumps(self._shown(_moments_json(self.points.times)))


def is_lower_better(name: str) -> bool:
    """Whether less of this metric is better."""
    return name.rsplit("/", 1)[-1] in LOWER_IS_BETTER


def append(connection: Connection, *, job_id: str, series: Mapping[str, Points]) -> None:
    """Append points to a job's series, all in five statements; call it behind the guard of the job's lease."""
    known = {row.name: row for row in connection.execute(_SERIES, {"of_job": job_id})}
    grown: list[_Grown] = []
    for name, new in series.items():
        row = known.get(name)
        fresh = new if row is None else new[new.steps > row.last_step]
        if len(fresh):
            grown.append(_Grown(new_id("evt") if row is None else row.id, name, row, fresh))
    _grow(connection, job_id=job_id, grown=grown)


def names(connection: Connection, *, job_id: str) -> list[Summary]:
    """The job's series by name."""
    return [
        Summary(
            name=row.name,
            points=row.points,
            last_step=row.last_step,
            last_value=np.nan if row.last_value is None else row.last_value,
            minimum=row.minimum,
            minimum_step=row.minimum_step,
            maximum=row.maximum,
            maximum_step=row.maximum_step,
        )
        for row in connection.execute(_SERIES.order_by(metric_series.c.name), {"of_job": job_id})
    ]


def series(connection: Connection, *, job_id: str, name: str, after_step: int | None = None) -> Points:
    """All points of a series behind a step. Raises `NotFound`, naming the series there are."""
    row = connection.execute(_SERIES.where(metric_series.c.name == name), {"of_job": job_id}).one_or_none()
    if row is None:
        there = ", ".join(summary.name for summary in names(connection, job_id=job_id)) or "none yet"
        raise NotFound(f"Job {job_id} has no metric {name!r}; it has: {there}.")
    statement = _CHUNKS if after_step is None else _CHUNKS.where(metric_chunks.c.last_step > after_step)
    everything = unpack_all(connection.execute(statement, {"of_series": row.id}).scalars().all())
    return everything if after_step is None else everything[everything.steps > after_step]


def buckets(name: str, everything: Points, *, max_points: int) -> Buckets:
    """The points in at most `max_points` buckets of as equal a size as can be; no point is left out."""
    num_points = len(everything)
    num_buckets = min(num_points, max_points)
    edges = np.linspace(0, num_points, num_buckets + 1).astype(np.int64)
    starts, ends = edges[:-1], edges[1:]
    if num_buckets == num_points:
        return Buckets(
            name=name,
            points=everything,
            minimum=everything.values,
            maximum=everything.values,
            count=np.ones(num_points, np.int64),
        )
    is_number = ~np.isnan(everything.values)
    known = np.add.reduceat(is_number.astype(np.int64), starts)
    with np.errstate(invalid="ignore"):
        sums = np.add.reduceat(np.where(is_number, everything.values, 0.0), starts)
        mean = np.where(known > 0, sums / np.maximum(known, 1), np.nan)
    return Buckets(
        name=name,
        points=Points(everything.steps[ends - 1], everything.times[ends - 1], mean),
        minimum=np.fmin.reduceat(everything.values, starts),
        maximum=np.fmax.reduceat(everything.values, starts),
        count=ends - starts,
    )


def cut(connection: Connection, *, job_id: str, step: int) -> None:
    """Forget every point behind a step, so that a resumed job's series equal an undisturbed one's."""
    grown: list[_Grown] = []
    for row in connection.execute(_SERIES, {"of_job": job_id}).all():
        if row.last_step > step:
            kept = unpack_all(connection.execute(_CHUNKS, {"of_series": row.id}).scalars().all())
            kept = kept[kept.steps <= step]
            connection.execute(delete(metric_chunks).where(metric_chunks.c.series_id == row.id))
            connection.execute(delete(metric_series).where(metric_series.c.id == row.id))
            if len(kept):
                grown.append(_Grown(row.id, row.name, None, kept))
    _grow(connection, job_id=job_id, grown=grown)


class _Grown(NamedTuple):
    """A series and the points that it grows by; `row` is its summary so far, if there is one."""

    id: str
    name: str
    row: Row[Any] | None
    fresh: Points

    @property
    def first_chunk(self) -> int:
        """The number of the first chunk that is written: all before it are full."""
        return 0 if self.row is None else int(self.row.points) // CHUNK_POINTS

    def summary(self) -> dict[str, Any]:
        """What the row of the series says once the points are in."""
        return {
            "points": (0 if self.row is None else self.row.points) + len(self.fresh),
            "last_step": int(self.fresh.steps[-1]),
            "last_value": _stored(self.fresh.values[-1]),
            **_extremes(self.row, self.fresh),
        }


def _grow(connection: Connection, *, job_id: str, grown: Sequence[_Grown]) -> None:
    new = [{"id": one.id, "job_id": job_id, "name": one.name, **one.summary()} for one in grown if one.row is None]
    if new:
        connection.execute(insert(metric_series), new)
    longer = [{"of_series": one.id, **one.summary()} for one in grown if one.row is not None]
    if longer:
        connection.execute(_SUMMARISE, longer)
    tails = _take_tails(connection, grown)
    chunks = [chunk for one in grown for chunk in _chunks(one, tails.get(one.id))]
    if chunks:
        connection.execute(insert(metric_chunks), chunks)


def _take_tails(connection: Connection, grown: Sequence[_Grown]) -> dict[str, Points]:
    """The last chunks that are not full, taken out of the table to be written anew with what is joined to them."""
    partial = [(one.id, one.first_chunk) for one in grown if one.row is not None and one.row.points % CHUNK_POINTS]
    if not partial:
        return {}
    rows = connection.execute(
        delete(metric_chunks)
        .where(tuple_(metric_chunks.c.series_id, metric_chunks.c.number).in_(partial))
        .returning(metric_chunks.c.series_id, metric_chunks.c.packed)
    )
    return {row.series_id: unpack(row.packed) for row in rows}


def _chunks(one: _Grown, tail: Points | None) -> list[dict[str, Any]]:
    points = one.fresh if tail is None else join([tail, one.fresh])
    runs = [points[start : start + CHUNK_POINTS] for start in range(0, len(points), CHUNK_POINTS)]
    return [
        {
            "series_id": one.id,
            "number": number,
            "first_step": int(run.steps[0]),
            "last_step": int(run.steps[-1]),
            "points": len(run),
            "minimum": _stored(np.fmin.reduce(run.values)),
            "maximum": _stored(np.fmax.reduce(run.values)),
            "packed": pack(run),
        }
        for number, run in enumerate(runs, start=one.first_chunk)
    ]


def _extremes(row: Row[Any] | None, fresh: Points) -> dict[str, Any]:
    before = (None, None, None, None) if row is None else (row.minimum, row.minimum_step, row.maximum, row.maximum_step)
    minimum, minimum_step, maximum, maximum_step = before
    if not np.isnan(fresh.values).all():
        low, high = int(np.nanargmin(fresh.values)), int(np.nanargmax(fresh.values))
        if minimum is None or fresh.values[low] < minimum:
            minimum, minimum_step = float(fresh.values[low]), int(fresh.steps[low])
        if maximum is None or fresh.values[high] > maximum:
            maximum, maximum_step = float(fresh.values[high]), int(fresh.steps[high])
    return {"minimum": minimum, "minimum_step": minimum_step, "maximum": maximum, "maximum_step": maximum_step}


def _stored(value: float) -> float | None:
    """A value as the database keeps it: SQLite has no NaN."""
    return None if np.isnan(value) else float(value)


def _moments(times: np.ndarray[Any, np.dtype[np.float64]]) -> list[str]:
    """As `clock.rfc3339` writes them, and sooner."""
    text = _written(times)[:, 1:-2].tobytes().decode("ascii")
    return [text[start : start + _MOMENT_LENGTH] for start in range(0, len(text), _MOMENT_LENGTH)]


def _moments_json(times: np.ndarray[Any, np.dtype[np.float64]]) -> orjson.Fragment:
    """The same as a JSON array, without a string for each."""
    return orjson.Fragment(b"[" + _written(times).tobytes()[:-1] + b"]")


def _written(times: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Times as the letters of JSON strings, each with a comma behind it: [times, letters]. Every second is written
    once, and what is behind it digit by digit for all of them.
    """
    seconds, microseconds = np.divmod(np.round(times * 1e6).astype(np.int64), 1_000_000)
    distinct, which = np.unique(seconds, return_inverse=True)
    whole = np.datetime_as_string(distinct.astype("datetime64[s]")).astype("S19")
    letters = np.empty((len(times), _MOMENT_LENGTH + 3), np.uint8)
    letters[:, [0, 20, 27, 28, 29]] = np.frombuffer(b'".Z",', np.uint8)
    letters[:, 1:20] = whole.view(np.uint8).reshape(-1, 19)[which]
    left = microseconds.astype(np.uint32)
    for place in range(26, 20, -1):
        left, digit = np.divmod(left, 10)
        letters[:, place] = digit + ord("0")
    return letters


def _numbers(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float | str | None]:
    plain = values.tolist()
    return plain if np.isfinite(values).all() else [number(value) for value in plain]


_SERIES = select(metric_series).where(metric_series.c.job_id == bindparam("of_job"))
_CHUNKS = (
    select(metric_chunks.c.packed)
    .where(metric_chunks.c.series_id == bindparam("of_series"))
    .order_by(metric_chunks.c.number)
)
_SUMMARISE = update(metric_series).where(metric_series.c.id == bindparam("of_series"))
