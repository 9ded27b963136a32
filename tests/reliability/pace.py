"""Whether a job trains on at its pace while something is away, on a machine that is never equally busy twice.

A metronome is a process that computes beside the trainer and notes how fast it gets on: what slows both is the machine,
what slows the trainer alone is ours. Run as a script, it writes the time of each beat to its output.
"""

import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.fixtures.waiting import wait_for
from tests.reliability.rig import Rig

Times = np.ndarray[Any, np.dtype[np.float64]]

#: What a beat computes: a few milliseconds.
_BEAT_LOOPS = 40_000
BEFORE_SECONDS = 2.0


@dataclass(frozen=True)
class Window:
    """A time in which something was away, in seconds since the epoch."""

    began: float
    ended: float

    def rate(self, times: Times) -> float:
        """How many a second."""
        return float(np.count_nonzero(self._within(times)) / (self.ended - self.began))

    def longest_gap(self, times: Times) -> float:
        """The longest time without any."""
        return float(np.max(np.diff([self.began, *times[self._within(times)], self.ended])))

    def before(self) -> "Window":
        """The moments before it."""
        return Window(self.began - BEFORE_SECONDS, self.began)

    def _within(self, times: Times) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        return (times >= self.began) & (times < self.ended)


@dataclass(frozen=True)
class Pace:
    """How a job got on while something was away: its steps against those before, both against the metronome's beats."""

    kept: float
    longest_gap_seconds: float
    longest_gap_of_metronome_seconds: float


@contextmanager
def metronome(folder: Path) -> Iterator[Path]:
    """One that beats while the block runs; the file of its beats."""
    path = folder / f"beats-{time.monotonic_ns()}"
    with path.open("wb") as file:
        process = subprocess.Popen([sys.executable, __file__], stdout=file)
    try:
        wait_for(lambda: path.stat().st_size, "the metronome to beat")
        time.sleep(BEFORE_SECONDS)
        yield path
    finally:
        process.kill()
        process.wait()


def pace(rig: Rig, job_id: str, beats: Path, away: Window) -> Pace:
    """How a job got on; everything that was said meanwhile must have arrived."""
    wait_for(lambda: rig.step_times(job_id)[-1] > away.ended, "the points of that time to arrive", timeout_seconds=60)
    steps, ticks = rig.step_times(job_id), np.fromfile(beats, dtype="<f8", count=beats.stat().st_size // 8)
    kept, of_machine = (away.rate(times) / away.before().rate(times) for times in (steps, ticks))
    return Pace(kept / of_machine, away.longest_gap(steps), away.longest_gap(ticks))


def assert_not_slowed(pace: Pace, *, least_share: float) -> None:
    """A job that is slowed by nothing of ours keeps the metronome's pace, and pauses no longer than it."""
    assert pace.kept >= least_share
    assert pace.longest_gap_seconds <= 2.0 + 3.0 * pace.longest_gap_of_metronome_seconds


def beat() -> None:
    """Compute, say when, and again."""
    while True:
        sum(range(_BEAT_LOOPS))
        sys.stdout.buffer.write(struct.pack("<d", time.time()))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    beat()
