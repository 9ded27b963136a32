"""Counting over the last minute, or any other span, with two numbers a name.

Time is cut into windows of that span. What counts is the window that runs and, of the one before it, the part that the
span still reaches back into, as if its events had come evenly: Cloudflare's sliding window counter
(https://blog.cloudflare.com/counting-things-a-lot-of-different-things/).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class SlidingWindow:
    """How often each name was seen in the last `seconds`, with at most `limit` times allowed."""

    def __init__(self, *, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._seconds = seconds
        self._clock = clock
        self._window = 0
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}
        self._lock = threading.Lock()

    def hit(self, name: str) -> bool:
        """Count this name once more; False, and not counted, where that would be too often."""
        with self._lock:
            if self._weight(name, self._left()) + 1 > self.limit:
                return False
            self._current[name] = self._current.get(name, 0) + 1
            return True

    def remaining(self, name: str) -> int:
        """How often the name may be seen now."""
        with self._lock:
            return max(0, int(self.limit - self._weight(name, self._left())))

    def reset_seconds(self) -> float:
        """The time until the window that runs is over."""
        with self._lock:
            return self._left()

    def wait_seconds(self, name: str) -> float:
        """The time until the name may be seen again."""
        with self._lock:
            left = self._left()
            current, previous = self._current.get(name, 0), self._previous.get(name, 0)
            if current + 1 > self.limit:
                return left + self._seconds * (1 - (self.limit - 1) / current)
            needed = self._weight(name, left) + 1 - self.limit
            return max(0.0, needed * self._seconds / previous) if previous else 0.0

    def _left(self) -> float:
        """The time until the window that runs is over, after turning to it."""
        now = self._clock()
        window = int(now // self._seconds)
        if window != self._window:
            self._previous = self._current if window == self._window + 1 else {}
            self._current, self._window = {}, window
        return (window + 1) * self._seconds - now

    def _weight(self, name: str, left: float) -> float:
        return self._previous.get(name, 0) * left / self._seconds + self._current.get(name, 0)
