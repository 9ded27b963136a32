"""What a training run says to its supervisor: a callback that writes frames from a thread of its own.

The training loop never waits for the supervisor: it leaves what it has to say and goes on. Progress that nobody has
fetched yet is replaced by newer progress, metrics are gathered, and everything keeps its order: whatever a checkpoint
builds on is on the wire before the checkpoint is.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from models.spec import JobSpec, document
from worker.messages import Frame
from worker.training import Callback, Finding, Histograms, Order, Progress, SavedCheckpoint, Series

PROGRESS_SECONDS: Final = 0.2
SIGN_SECONDS: Final = 1.0
#: What nobody waits for is sent together with what comes within so long: waking the thread that sends it costs the run
#: as much as half a small step.
GATHER_SECONDS: Final = 0.05
_PATIENT: Final = frozenset({"histograms", "sign"})
#: Metric points kept for a supervisor that does not read; it is stopped or dead long before so many have gathered.
MAX_WAITING_POINTS: Final = 1 << 21


class Reporter(Callback):
    """Turns what happens in training into frames, and passes on what the supervisor orders."""

    def __init__(
        self, channel: socket.socket, *, order: Callable[[], str | None], is_first_attempt: bool = True
    ) -> None:
        """A later attempt also says where it goes on from, so that nothing behind that step counts twice."""
        self._heard = order
        self._is_first_attempt = is_first_attempt
        self._channel = channel
        self._frames: deque[Frame] = deque()
        self._metrics: dict[str, list[Series]] = {}
        self._num_points = 0
        self._phase = ""
        self._progress: Progress | None = None
        self._next_progress_at = 0.0
        self._next_sign_at = 0.0
        self._is_progress_due = False
        self._patience_seconds: float | None = None
        self._is_closing = False
        self._hurries = False
        self._is_gathering = False
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self._write, name="reporter", daemon=True)
        self._writer.start()

    def on_phase(self, phase: str) -> None:
        """Say what the run is doing now, if it is something else than before."""
        if phase != self._phase:
            self._phase = phase
            self.post(Frame("phase", {"phase": phase}))

    def on_resolved(self, spec: JobSpec, facts: Mapping[str, Any]) -> None:
        """Say what only the run itself could settle: device, precision, and the step it goes on from."""
        if not self._is_first_attempt:
            self.post(Frame("resumed", {"step": facts["step"]}) if facts["step"] else Frame("restarted"))
        self.post(Frame("resolved", {"spec": document(spec), "facts": dict(facts)}))

    def on_step(self, progress: Progress) -> None:
        """Note where the run is; the first step is told at once, later ones every `PROGRESS_SECONDS`."""
        self._progress = progress
        now = time.monotonic()
        if now >= self._next_progress_at:
            self._next_progress_at = now + PROGRESS_SECONDS
            with self._changed:
                self._is_progress_due = True
                self._wake(hurries=True)

    def on_metrics(self, series: Mapping[str, Series]) -> None:
        """Leave points for the writer; they are gathered while it waits for the supervisor."""
        with self._changed:
            if self._num_points > MAX_WAITING_POINTS:
                return
            for name, points in series.items():
                self._metrics.setdefault(name, []).append(points)
                self._num_points += len(points.steps)
            self._wake(hurries=False)

    def on_histograms(self, histograms: Histograms) -> None:
        """Pass them on, behind the points of the steps before."""
        fields = {"step": histograms.step, "time": histograms.time, "names": list(histograms.names)}
        self.post(Frame("histograms", fields, [histograms.figures.ravel(), histograms.counts.ravel()]))

    def on_checkpoint(self, checkpoint: SavedCheckpoint) -> None:
        """Say that a checkpoint is durable, behind the points that lead to it."""
        fields = {
            "step": checkpoint.step,
            "epoch": checkpoint.epoch,
            "kinds": sorted(checkpoint.kinds),
            "metrics": dict(checkpoint.metrics),
            "files": [asdict(file) for file in checkpoint.files],
            "path": str(checkpoint.path),
            "manifest_sha256": checkpoint.manifest_sha256,
            "seconds": checkpoint.seconds,
        }
        self.post(Frame("checkpoint", fields))

    def on_rewound(self, step: int) -> None:
        """Say that what was said of later steps does not count."""
        self.post(Frame("rewound", {"step": step}))

    def on_warning(self, code: str, message: str) -> None:
        """Say what a person should know about."""
        self.post(Frame("warning", {"code": code, "message": message}))

    def on_finding(self, finding: Finding) -> None:
        """Say what the diagnosis has found, behind the points that show it."""
        self.post(Frame("finding", asdict(finding)))

    def on_sign(self) -> None:
        """Say that the run is alive although it makes no step: it evaluates or saves."""
        now = time.monotonic()
        if now >= self._next_sign_at:
            self._next_sign_at = now + SIGN_SECONDS
            self.post(Frame("sign"))

    def order(self) -> Order | None:
        """The order that stands."""
        heard = self._heard()
        return None if heard is None else Order(heard)

    def post(self, frame: Frame) -> None:
        """Leave a frame for the writer, behind everything that was left before."""
        hurries = frame.kind not in _PATIENT
        with self._changed:
            self._gather(with_progress=hurries)
            self._frames.append(frame)
            self._wake(hurries=hurries)

    def close(self, last: Frame, *, timeout_seconds: float = 30.0) -> None:
        """Send everything that is left, then `last`; gives up on a supervisor that does not read."""
        with self._changed:
            self._gather()
            self._frames.append(last)
            self._is_closing = True
            self._wake(hurries=True)
        self._writer.join(timeout_seconds)

    def _wake(self, *, hurries: bool) -> None:
        """Wake the writer, unless it is gathering and may go on; the caller holds the lock."""
        if hurries or not self._is_gathering:
            self._hurries |= hurries
            self._changed.notify()

    def _gather(self, *, with_progress: bool = True) -> None:
        """Turn gathered progress and points into frames; the caller holds the lock."""
        if with_progress and self._progress is not None:
            self._patience_seconds = PROGRESS_SECONDS
            self._frames.append(Frame("progress", progress_fields(self._progress)))
            self._progress = None
        self._is_progress_due &= not with_progress
        if self._metrics:
            self._frames.append(metrics_frame(self._metrics))
            self._metrics = {}
            self._num_points = 0

    def _write(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                self._channel.sendall(batch)
            except OSError:
                return  # the supervisor is gone; the thread that reads its orders ends this process

    def _next_batch(self) -> bytes | None:
        with self._changed:
            if not self._changed.wait_for(self._has_something_to_do, self._patience_seconds):
                self._is_progress_due = self._progress is not None  # the last steps before a pause
                self._patience_seconds = None
                self._changed.wait_for(self._has_something_to_do)
            self._is_gathering = True
            self._changed.wait_for(lambda: self._hurries, GATHER_SECONDS)
            self._is_gathering = self._hurries = False
            self._gather()
            if not self._frames:
                return None
            frames, self._frames = self._frames, deque()
        return b"".join(frame.encode() for frame in frames)

    def _has_something_to_do(self) -> bool:
        return bool(self._frames or self._metrics or self._is_progress_due or self._is_closing)


def progress_fields(progress: Progress) -> dict[str, Any]:
    """Progress as a frame and the API show it."""
    return progress._asdict()


def metrics_frame(series: Mapping[str, list[Series]]) -> Frame:
    """One frame with three arrays (steps, times, values) per name."""
    arrays = [
        np.concatenate([getattr(piece, column) for piece in pieces])
        for pieces in series.values()
        for column in ("steps", "times", "values")
    ]
    return Frame("metrics", {"names": list(series)}, arrays)
