"""What the state of the artifact store means for an attempt, and how long it is waited for."""

from __future__ import annotations

import errno
import random
import threading
import time
from collections.abc import Callable
from typing import Final

from models.artifacts import Watch
from models.errors import Unavailable
from worker.exits import Reason

_FIRST_RETRY_SECONDS: Final = 0.2
_LONGEST_RETRY_SECONDS: Final = 15.0
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
#: Reasons by the code of what the store has raised; a refusal is a fault of the store as far as the job knows.
_CODES: Final = {"storage_away": "storage_away", "storage_full": "storage_full", "storage_refused": "storage_fault"}


class Abandoned(Exception):
    """Nobody waits for this transfer any more."""


class Patience(Watch):
    """Waits for a store that fails, longer and longer, until it has failed for `seconds` without a byte going over."""

    def __init__(
        self,
        seconds: float,
        *,
        on_sign: Callable[[], None],
        abandoned: threading.Event,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_sign` hears that bytes have gone over, `on_wait` that there is still hope; setting `abandoned` ends the
        transfer and every wait.
        """
        self._seconds = seconds
        self._on_sign = on_sign
        self._on_wait = on_wait
        self._abandoned = abandoned
        self._failing_since: float | None = None
        self._pause_seconds = _FIRST_RETRY_SECONDS

    def sign(self) -> None:
        """Bytes have gone over. Raises Abandoned."""
        self._failing_since, self._pause_seconds = None, _FIRST_RETRY_SECONDS
        self.look()
        self._on_sign()

    def trouble(self, error: Unavailable) -> None:
        """Wait before another try. Raises the error itself once it has lasted too long, and Abandoned."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if now - self._failing_since >= self._seconds:
            raise error
        self.look()
        self._on_wait()
        pause = self._pause_seconds * random.uniform(0.8, 1.2)  # noqa: S311  jitter
        self._abandoned.wait(min(pause, max(0.0, self._failing_since + self._seconds - now)))
        self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_RETRY_SECONDS)
        self.look()

    def look(self) -> None:
        """Raises Abandoned."""
        if self._abandoned.is_set():
            raise Abandoned


def reason_of(error: Unavailable | OSError) -> Reason:
    """Why an attempt fails that cannot have, or cannot store, what it must."""
    if isinstance(error, Unavailable):
        return Reason(_CODES.get(error.code, "storage_away"), error.detail)
    if error.errno in _NO_ROOM:
        return Reason("storage_full", "There is no room left on this worker's disk.")
    return Reason("storage_fault", f"This worker's disk has failed: {error.strerror or type(error).__name__}.")
