"""A job's metrics: summaries, series, and points as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from . import _streams
from ._documents import moment, number
from ._records import MetricSummary, Series
from ._transport import Transport

#: The most the service answers with at once; the past of a longer series comes in buckets.
_MOST_POINTS: Final = 100_000
RESUMED: Final = "job.resumed"
#: Around these events a series may have been cut back.
_CUTTING: Final = frozenset({"job.running", "job.phase", RESUMED})


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric."""

    name: str
    step: int
    time: datetime
    value: float


def summaries(transport: Transport, job_path: str) -> dict[str, MetricSummary]:
    """The job's metrics by name."""
    listed = (MetricSummary.parse(document) for document in transport.get(f"{job_path}/metrics")["data"])
    return {summary.name: summary for summary in listed}


def series(
    transport: Transport, job_path: str, name: str, *, max_points: int | None = None, after_step: int | None = None
) -> Series:
    """One metric, in buckets where it has more than `max_points` points."""
    params = {"max_points": max_points, "after_step": after_step}
    return Series.parse(transport.get(f"{job_path}/metrics/{quote(name)}", params=params))


def points(name: str, columns: Mapping[str, Any]) -> Iterator[Point]:
    """The points in columns as the service writes them."""
    for step, time, value in zip(columns["step"], columns["time"], columns["value"], strict=True):
        yield Point(name, step, moment(time), number(value))


def stream(transport: Transport, job_path: str, *, names: frozenset[str], after: int) -> Iterator[Point]:
    """What there is, then what comes, until the job ends. Steps that a resumed job goes through again come again.

    `after` is the number of the job's last event so far.
    """
    reader = _Reader(transport, job_path, names)
    for frame in _streams.frames(transport, f"{job_path}/events", after=after):
        if frame.kind == _streams.METRICS:
            yield from reader.live(frame.data)
        elif frame.kind == _streams.CONNECTED or frame.kind in _CUTTING:
            if frame.kind == RESUMED:
                reader.rewind(frame.data["data"]["step"])
            yield from reader.missed()
    yield from reader.missed()


@dataclass
class _Reader:
    """Remembers the last step read of every metric, so that no point comes twice and none is missing."""

    transport: Transport
    job_path: str
    names: frozenset[str]
    last_steps: dict[str, int] = field(default_factory=dict)

    def live(self, grown: Mapping[str, Mapping[str, Any]]) -> Iterator[Point]:
        for name, columns in grown.items():
            # The stream puts many points at once into buckets; the points themselves are in the series.
            is_whole = max(columns["count"], default=1) == 1
            yield from self._fresh(name, columns) if is_whole else self._stored(name)

    def rewind(self, step: int) -> None:
        self.last_steps = {name: min(last, step) for name, last in self.last_steps.items()}

    def missed(self) -> Iterator[Point]:
        for name, summary in summaries(self.transport, self.job_path).items():
            last = -1 if summary.last is None else summary.last.step
            # Where the service knows less than was read, the job has started over, and goes through steps again.
            self.last_steps[name] = min(self.last_steps.get(name, -1), last)
            if self.last_steps[name] < last:
                yield from self._stored(name)

    def _stored(self, name: str) -> Iterator[Point]:
        if self._wants(name):
            after = self.last_steps.get(name, -1)
            read = series(self.transport, self.job_path, name, max_points=_MOST_POINTS, after_step=after)
            yield from self._fresh(name, read.raw)

    def _fresh(self, name: str, columns: Mapping[str, Any]) -> Iterator[Point]:
        if self._wants(name):
            for point in points(name, columns):
                if point.step > self.last_steps.get(name, -1):
                    self.last_steps[name] = point.step
                    yield point

    def _wants(self, name: str) -> bool:
        return not self.names or name in self.names
