"""Metrics without waiting: a step leaves device scalars, and they are read all at once about twice a second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.training import system
from worker.training.callbacks import Callback, Series
from worker.training.errors import Diverged

FLUSH_SECONDS: Final = 0.5
FLUSH_STEPS: Final = 1000


class Recorder:
    """Collects what steps and evaluations produce, and hands it on in batches."""

    def __init__(self, callback: Callback, *, device: torch.device) -> None:
        self._callback = callback
        self._device = device
        self._flushed_at = time.monotonic()
        self._steps: list[int] = []
        self._times: list[float] = []
        self._rates: list[float] = []
        self._sizes: list[int] = []
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._hits: list[Tensor] = []
        self._scores: dict[str, list[tuple[int, float, float]]] = {}
        #: Told the columns of steps when they are read from the device, by the names of their metrics.
        self.on_read: Callable[[Mapping[str, NDArray[np.float64]]], None] = lambda _: None

    def step(
        self, step: int, *, loss: Tensor, norm: Tensor, hits: Tensor | None, size: int, learning_rate: float
    ) -> None:
        """Note a finished step, counted from 1: scalars stay on the device, `hits` are its rows that were right."""
        self._steps.append(step)
        self._times.append(time.time())
        self._rates.append(learning_rate)
        self._sizes.append(size)
        self._losses.append(loss)
        self._norms.append(norm)
        if hits is not None:
            self._hits.append(hits)

    def scores(self, scores: Mapping[str, float], *, step: int) -> None:
        """Note the scores of an evaluation by their full names."""
        now = time.time()
        for name, value in scores.items():
            self._scores.setdefault(name, []).append((step, now, value))

    @property
    def is_due(self) -> bool:
        """Whether there is enough to hand on."""
        return len(self._steps) >= FLUSH_STEPS or time.monotonic() - self._flushed_at >= FLUSH_SECONDS

    def flush(self) -> None:
        """Read the device once and hand everything on. Raises Diverged when a loss or norm is not finite."""
        now = time.monotonic()
        seconds, self._flushed_at = now - self._flushed_at, now
        series: dict[str, Series] = {}
        broken: Diverged | None = None
        if self._steps:
            columns = self._read_steps()
            broken = _first_broken(self._steps, columns)
            if broken is None:
                self.on_read(columns)
            series = self._series_of_steps(columns, seconds=seconds)
            self.scores(system.figures(self._device), step=self._steps[-1])
        series |= {name: _series(points) for name, points in self._scores.items()}
        self._clear()
        if series:
            self._callback.on_metrics(series)
        if broken is not None:
            raise broken

    def forget(self) -> None:
        """Drop what has not been handed on: the run goes back to before it."""
        self._clear()

    def _read_steps(self) -> dict[str, NDArray[np.float64]]:
        columns = [torch.stack(self._losses).double(), torch.stack(self._norms).double()]
        if self._hits:
            columns.append(torch.stack(self._hits).double())
        values = torch.stack(columns).cpu().numpy()
        named = {"train/loss": values[0], "train/gradient_norm": values[1]}
        if self._hits:
            named["train/accuracy"] = values[2] / np.array(self._sizes, np.float64)
        return named

    def _series_of_steps(self, columns: dict[str, NDArray[np.float64]], *, seconds: float) -> dict[str, Series]:
        steps, times = np.array(self._steps, np.int64), np.array(self._times, np.float64)
        columns["train/learning_rate"] = np.array(self._rates, np.float64)
        series = {name: Series(steps, times, values) for name, values in columns.items()}
        throughput = np.array([sum(self._sizes) / max(seconds, 1e-9)])
        series["train/samples_per_second"] = Series(steps[-1:], times[-1:], throughput)
        return series

    def _clear(self) -> None:
        for values in (self._steps, self._times, self._rates, self._sizes, self._losses, self._norms, self._hits):
            values.clear()
        self._scores.clear()


def _series(points: list[tuple[int, float, float]]) -> Series:
    steps, times, values = zip(*points, strict=True)
    return Series(np.array(steps, np.int64), np.array(times, np.float64), np.array(values, np.float64))


def _first_broken(steps: list[int], columns: Mapping[str, NDArray[np.float64]]) -> Diverged | None:
    for name, what in (("train/loss", "loss"), ("train/gradient_norm", "gradient")):
        places = np.flatnonzero(~np.isfinite(columns[name]))
        if len(places):
            return Diverged(step=steps[int(places[0])], what=what)
    return None


def finite(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores that have a meaning: JSON carries no NaN."""
    return {name: value for name, value in scores.items() if math.isfinite(value)}
