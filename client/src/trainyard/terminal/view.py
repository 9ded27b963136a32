"""What is known of a running job, kept from its stream, and how it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from trainyard._job import Job
from trainyard._metrics import RESUMED, points
from trainyard._records import STATUSES, TERMINAL_STATUSES, Progress
from trainyard._streams import CONNECTED, METRICS, PROGRESS, Frame

from . import words
from .charts import sparkline

_CURVE_CELLS: Final = 48
_MOST_CURVES: Final = 8
#: Enough for the curves; what is older is thinned out, which the eye cannot tell.
_MOST_VALUES: Final = 4096
_FIRST: Final = ("train/loss", "train/accuracy", "validation/loss", "validation/accuracy")
_PAST_POINTS: Final = 500
#: Read from the event log, whose order is the truth, and not from progress, which skips what passes quickly.
_STATUS_OF: Final = {f"job.{status}": status for status in STATUSES}


@dataclass(slots=True)
class Curve:
    """The values of one metric so far."""

    values: list[float] = field(default_factory=list)
    last_step: int = -1

    def extend(self, name: str, columns: Mapping[str, Any]) -> None:
        """Take in the points that are new."""
        fresh = [point for point in points(name, columns) if point.step > self.last_step]
        if fresh:
            self.values.extend(point.value for point in fresh)
            self.last_step = fresh[-1].step
        if len(self.values) > _MOST_VALUES:
            self.values = self.values[::2]


class View:
    """A job as its stream tells it; fed by one thread, drawn by another."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._status = job.status
        self._phase = job.phase
        self._progress = job.progress
        self._curves: dict[str, Curve] = {}
        self._told: tuple[str, int | None] = ("", None)
        self._lock = Lock()
        self._spinner = Spinner("dots")

    def take(self, frame: Frame) -> None:
        """Take in what a frame of the stream says."""
        if frame.kind == CONNECTED:
            self._catch_up()
        elif frame.kind == PROGRESS:
            with self._lock:
                self._phase = frame.data.get("phase", self._phase)
                self._progress = Progress.parse(frame.data)
        elif frame.kind == METRICS:
            self._extend(frame.data)
        elif frame.kind == RESUMED:
            self._rewind(frame.data["data"]["step"])
            self._catch_up()
        elif frame.kind in _STATUS_OF:
            with self._lock:
                self._status = _STATUS_OF[frame.kind]

    def finish(self) -> None:
        """Take in how the job stands after its last refresh."""
        with self._lock:
            self._status, self._phase, self._progress = self._job.status, self._job.phase, self._job.progress

    def news(self) -> Iterator[str]:
        """A line for a status or an epoch that has not been told yet."""
        now = (self._status, self._progress.epoch)
        if now != self._told:
            self._told = now
            yield f"{self._job.id} {words.status(self._status)}  {self._numbers()}".rstrip()

    def render(self) -> RenderableType:
        """The picture: what job, how far, and the curves of its metrics."""
        with self._lock:
            return Group(self._heading(), self._bar(), self._table())

    def _catch_up(self) -> None:
        for name in _chosen(self._job.metrics()):
            after = self._curves[name].last_step if name in self._curves else None
            self._extend({name: self._job.metric(name, max_points=_PAST_POINTS, after_step=after).raw})

    def _rewind(self, step: int) -> None:
        with self._lock:
            for curve in self._curves.values():
                curve.last_step = min(curve.last_step, step)

    def _extend(self, grown: Mapping[str, Mapping[str, Any]]) -> None:
        with self._lock:
            for name, columns in grown.items():
                self._curves.setdefault(name, Curve()).extend(name, columns)

    def _heading(self) -> RenderableType:
        name = f"[bold]{escape(self._job.name)}[/]  " if self._job.name else ""
        line = Text.from_markup(f"{name}[dim]{self._job.id}[/]  {words.status(self._status)}{self._circumstance()}")
        if self._status in TERMINAL_STATUSES:
            return line
        self._spinner.update(text=line)
        return self._spinner

    def _circumstance(self) -> str:
        queue = self._job.record.queue
        if self._status == "running" and self._phase:
            return f" · {self._phase}"
        if self._status == "queued" and queue is not None:
            return f" · {words.waiting(queue)}"
        return ""

    def _bar(self) -> RenderableType:
        line = Table.grid(padding=(0, 2))
        fraction = self._progress.fraction or 0.0
        line.add_row(ProgressBar(total=1.0, completed=fraction, width=30), f"{fraction:4.0%}", *self._place())
        return line

    def _place(self) -> Iterator[str]:
        progress = self._progress
        if progress.epoch is not None:
            yield f"epoch {progress.epoch}" + (f"/{progress.epochs}" if progress.epochs else "")
        if progress.step is not None:
            yield f"step {words.count(progress.step)}" + (f"/{words.count(progress.steps)}" if progress.steps else "")
        if progress.eta_seconds is not None and self._status == "running":
            yield f"{words.duration(progress.eta_seconds)} left"

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name in _chosen(self._curves)[:_MOST_CURVES]:
            values = self._curves[name].values
            if values:
                curve = sparkline(values, width=_CURVE_CELLS)
                table.add_row(f"[dim]{escape(name)}[/]", words.value(values[-1]), f"[cyan]{curve}[/]")
        return table

    def _numbers(self) -> str:
        latest = {name: curve.values[-1] for name, curve in self._curves.items() if curve.values}
        shown = [f"{name} {words.value(latest[name])}" for name in _chosen(latest)]
        return "  ".join([*self._place(), *shown])


def _chosen(names: Mapping[str, Any]) -> list[str]:
    """Loss and accuracy first, then whatever else is validated."""
    others = sorted(name for name in names if name.startswith("validation/") and name not in _FIRST)
    return [name for name in (*_FIRST, *others) if name in names]
