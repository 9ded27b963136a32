"""Who a key stands for, remembered for a moment, so that a burst of requests asks the database once.

The rule: what this process does to keys (`clear`) holds for the very next request; what another process or the clock
does to them holds `KEPT_SECONDS` later at the latest. Wrong keys are never remembered, nor is the text of any key. Who
asks for a key that is being asked for waits for that answer: a second that ends under load would else send all that
arrive at once to the database.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Final

from models.principal import Principal

KEPT_SECONDS: Final = 1.0
_MOST: Final = 4096


class KeyCache:
    """The keys that have been used in the last second."""

    def __init__(self, *, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept_seconds = kept_seconds
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._asked: dict[tuple[int, bytes], asyncio.Future[Principal]] = {}
        self._lock = threading.Lock()
        self.generation = 0

    def find(self, token: str) -> Principal | None:
        """Who this key stood for a moment ago; None where that is not known."""
        found = self._known.get(_digest(token))
        return found[1] if found is not None and time.monotonic() < found[0] else None

    async def ask(self, token: str, authenticate: Callable[[str], Awaitable[Principal]]) -> Principal:
        """Who this key stands for by `authenticate`, which is called once for all that ask meanwhile; what it raises,
        all of them hear. An answer that was asked for before a `clear` is nobody's who asks after it.
        """
        question = self.generation, _digest(token)
        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = asyncio.ensure_future(self._answer(token, authenticate))
            asked.add_done_callback(lambda _: self._asked.pop(question, None))
        return await asyncio.shield(asked)  # who goes away does not take the answer from the others

    async def _answer(self, token: str, authenticate: Callable[[str], Awaitable[Principal]]) -> Principal:
        generation = self.generation
        principal = await authenticate(token)
        self.keep(token, principal, generation=generation)
        return principal

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
