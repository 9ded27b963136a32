"""The seam between training and the world: hooks whose defaults do nothing, and the question "what shall I do?"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.spec import JobSpec


class Order(StrEnum):
    """What the outside may ask of a run. It is obeyed at the next boundary between two steps."""

    CANCEL = "cancel"  #: end at once; nothing more is saved
    PAUSE = "pause"  #: save a checkpoint and return
    STOP = "stop"  #: train no further; restore the best weights, test them and succeed
    DRAIN = "drain"  #: as pause, because the machine is needed


class Progress(NamedTuple):
    """Where a run is: `step` of `steps` are done, and `epoch` counts from 1."""

    fraction: float
    epoch: int
    epochs: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one metric: columns of equal length. `times` are seconds since the epoch."""

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """The distribution of every weight and gradient after one step; see `worker.training.histograms`.

    `figures` is [tensors, 5]: minimum, maximum, number, sum, sum of squares. `counts` is [tensors, bins], the bins of
    equal width between minimum and maximum. `time` is in seconds since the epoch.
    """

    step: int
    time: float
    names: Sequence[str]
    figures: NDArray[np.float64]
    counts: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file of a checkpoint and its digest."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """A checkpoint that is durable: everything is on disk, the folder is renamed into place and synced."""

    step: int
    epoch: int
    kinds: frozenset[str]
    metrics: Mapping[str, float]
    files: Sequence[SavedFile]
    path: Path
    manifest_sha256: str
    seconds: float = 0.0  #: that saving took


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule of `worker.training.diagnosis` has found, and a merge patch of the spec that may help."""

    rule: str
    severity: str
    step: int
    message: str
    evidence: Mapping[str, Any]
    advice: str
    patch: Mapping[str, Any] | None


class Callback:
    """What a run tells. Every hook does nothing here; override those you want. None may be slow.

    `on_checkpoint` and `on_sign` may come from the thread that saves while training goes on.
    """

    def on_phase(self, phase: str) -> None:
        """A phase begins: preparing_data, training, evaluating, saving."""

    def on_resolved(self, spec: JobSpec, facts: Mapping[str, Any]) -> None:
        """The spec with device and precision, and what is known before the first step: parameters, steps, rows."""

    def on_step(self, progress: Progress) -> None:
        """An optimizer step is done."""

    def on_metrics(self, series: Mapping[str, Series]) -> None:
        """Points since the last call, by metric name; about twice a second and before every checkpoint."""

    def on_histograms(self, histograms: Histograms) -> None:
        """Weights and gradients at the end of an epoch, at most `MOST_IN_A_RUN` times."""

    def on_checkpoint(self, checkpoint: SavedCheckpoint) -> None:
        """A checkpoint is durable; later steps may have been told before. A step that is told twice has more kinds the
        second time.
        """

    def on_rewound(self, step: int) -> None:
        """The run has diverged and is back at this step: what was told of later ones does not count."""

    def on_warning(self, code: str, message: str) -> None:
        """Something is wrong that does not stop the run."""

    def on_finding(self, finding: Finding) -> None:
        """A rule of the diagnosis has found something."""

    def on_sign(self) -> None:
        """Still alive: called between slices of an evaluation and around a save; must be cheap."""

    def order(self) -> Order | None:
        """What to do now; asked between any two steps, so it must be no more than reading a flag."""
        return None


@dataclass(frozen=True, slots=True)
class Callbacks(Callback):
    """Several callbacks as one. The first order that any of them gives counts."""

    members: Sequence[Callback] = field(default_factory=tuple)

    def on_phase(self, phase: str) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_phase(phase)

    def on_resolved(self, spec: JobSpec, facts: Mapping[str, Any]) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_resolved(spec, facts)

    def on_step(self, progress: Progress) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_step(progress)

    def on_metrics(self, series: Mapping[str, Series]) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_metrics(series)

    def on_histograms(self, histograms: Histograms) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_histograms(histograms)

    def on_checkpoint(self, checkpoint: SavedCheckpoint) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_checkpoint(checkpoint)

    def on_rewound(self, step: int) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_rewound(step)

    def on_warning(self, code: str, message: str) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_warning(code, message)

    def on_finding(self, finding: Finding) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_finding(finding)

    def on_sign(self) -> None:
        """Tell every member."""
        for member in self.members:
            member.on_sign()

    def order(self) -> Order | None:
        """The first order of any member."""
        for member in self.members:
            if (order := member.order()) is not None:
                return Order(order)
        return None
