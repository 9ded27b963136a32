"""Who a key stands for, remembered for a moment, so that a burst of requests asks the database once.

The rule: what this process does to keys (`clear`) holds for the very next request; what another process or the clock
does to them holds `KEPT_SECONDS` later at the latest. Wrong keys are never remembered, nor is the text of any key.
"""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Final

from models.principal import Principal

KEPT_SECONDS: Final = 1.0
_MOST: Final = 4096


class KeyCache:
    """The keys that have been used in the last second."""

    def __init__(self, *, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept_seconds = kept_seconds
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._lock = threading.Lock()
        self.generation = 0

    def find(self, token: str) -> Principal | None:
        """Who this key stood for a moment ago; None where that is not known."""
        found = self._known.get(_digest(token))
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def keep(self, token: str, principal: Principal, *, generation: int) -> None:
        """Remember what the database said; `generation` was read before it was asked, so that no answer outlives a
        `clear` that overtook it.
        """
        until = time.monotonic() + self._kept_seconds
        if principal.expires_at is not None:
            until = min(until, time.monotonic() + principal.expires_at - time.time())
        with self._lock:
            if generation != self.generation:
                return
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[_digest(token)] = until, principal

    def clear(self) -> None:
        """Forget everything: a key or a project has changed. Call it after the commit."""
        with self._lock:
            self.generation += 1
            self._known.clear()


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode(), digest_size=16).digest()
