"""The leaderless sweeps: what must happen although nobody asks for it.

Each runs in every API process. None of them elects a leader: every statement they run is a compare-and-set, so two
processes doing the same sweep at once change nothing twice.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from models.errors import Unavailable

#: Keeps the sweeps of several processes apart, and away from the seed that a test or a notebook has set.
_spread = random.SystemRandom()
_logger = logging.getLogger("trainyard.background")


@dataclass(frozen=True, slots=True)
class Sweep:
    """Something to do again and again."""

    name: str
    every_seconds: float
    run: Callable[[], None]


#: A look at the database takes seconds at most, also one that is frozen; a sweep that runs for longer is stuck.
_STUCK_SECONDS: Final = 300.0


class Background:
    """Runs each sweep in a thread of its own, so that a slow one delays no other."""

    def __init__(self, sweeps: Sequence[Sweep] = ()) -> None:
        self._stopping = threading.Event()
        self._begun_at: dict[str, float] = {}  # of the sweeps that run now
        self._threads: dict[str, threading.Thread] = {}
        self.take(sweeps)

    def take(self, sweeps: Sequence[Sweep]) -> None:
        """Add sweeps, before the start."""
        for sweep in sweeps:
            self._threads[sweep.name] = threading.Thread(
                target=self._repeat, args=(sweep,), name=f"sweep-{sweep.name}", daemon=True
            )

    def dead(self) -> list[str]:
        """The sweeps that happen no more: their thread has ended, or hangs."""
        long_ago = time.monotonic() - _STUCK_SECONDS
        stuck = {name for name, begun_at in list(self._begun_at.items()) if begun_at < long_ago}
        return [name for name, thread in self._threads.items() if name in stuck or not thread.is_alive()]

    def start(self) -> None:
        """Begin to sweep, each sweep at once for the first time."""
        for thread in self._threads.values():
            thread.start()

    def close(self, *, timeout_seconds: float = 5.0) -> None:
        """Let the running sweeps finish and start no more."""
        self._stopping.set()
        for thread in self._threads.values():
            if thread.is_alive():
                thread.join(timeout_seconds)

    def _repeat(self, sweep: Sweep) -> None:
        while not self._stopping.is_set():
            self._begun_at[sweep.name] = time.monotonic()
            try:
                sweep.run()
            except Unavailable as error:
                _logger.warning("sweep %s: %s", sweep.name, error.detail)
            except Exception:
                _logger.exception("sweep %s failed; it will be tried again", sweep.name)
            self._begun_at.pop(sweep.name, None)
            self._stopping.wait(sweep.every_seconds * _spread.uniform(0.8, 1.2))
