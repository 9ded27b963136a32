"""What a trainer has said and the database has not heard yet: gathered, bounded, written in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from models.metric_blobs import Points, join
from worker.messages import Frame

#: While the database is away, this much log and this many points are kept; more is thinned out, never waited for.
MAX_LOG_BYTES: Final = 8 << 20
MAX_POINTS: Final = 1 << 22
_LOG_GAP: Final = b"[some of the log is missing here: the database was away for too long]\n"


@dataclass
class Batch:
    """Frames in order, and what can be merged: the newest progress, the points by series, the log."""

    frames: list[Frame] = field(default_factory=list)
    progress: Mapping[str, Any] | None = None
    series: dict[str, list[Points]] = field(default_factory=dict)
    log: bytearray = field(default_factory=bytearray)
    num_points: int = 0

    def __bool__(self) -> bool:
        return bool(self.frames or self.progress is not None or self.series or self.log)

    def add(self, frame: Frame) -> None:
        """Take in one frame of the trainer."""
        if frame.kind == "progress":
            self.progress = frame.fields
        elif frame.kind == "metrics":
            columns = iter(frame.arrays)
            for name in frame.fields["names"]:
                self._add_points(name, Points(next(columns), next(columns), next(columns)))
        else:
            if frame.kind == "rewound":
                self._forget_behind(frame.fields["step"])
            self._add_in_order(frame)

    def add_log(self, text: bytes) -> None:
        """Take in a piece of the trainer's output."""
        self.log += text
        if len(self.log) > MAX_LOG_BYTES:
            self.log = bytearray(_LOG_GAP) + self.log[-MAX_LOG_BYTES // 2 :]

    def points(self) -> dict[str, Points]:
        """The points by series, each as one run."""
        return {name: join(runs) for name, runs in self.series.items()}

    def _add_in_order(self, frame: Frame) -> None:
        last = self.frames[-1] if self.frames else None
        if last is not None and frame.kind == last.kind == "checkpoint" and frame.fields["path"] == last.fields["path"]:
            self.frames.pop()  # the same one told again, of more kinds
        self.frames.append(frame)

    def _add_points(self, name: str, run: Points) -> None:
        self.series.setdefault(name, []).append(run)
        self.num_points += len(run)
        if self.num_points > MAX_POINTS:
            self._thin_out()

    def _forget_behind(self, step: int) -> None:
        """Drop what is told of steps that a rewound run takes again."""
        self.series = {name: [points[points.steps <= step]] for name, points in self.points().items()}
        self.num_points = sum(len(runs[0]) for runs in self.series.values())
        self.frames = [
            frame for frame in self.frames if not (frame.kind == "histograms" and frame.fields["step"] > step)
        ]

    def _thin_out(self) -> None:
        """Keep every second point of each series, and the last."""
        for name, run in self.points().items():
            kept = run[(len(run) - 1) % 2 :: 2]
            self.series[name] = [kept]
        self.num_points = sum(len(runs[0]) for runs in self.series.values())
