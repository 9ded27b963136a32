"""When a request may be sent again, and how long to wait before."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Final

from ._exceptions import TrainyardError

FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 8.0
#: A `Retry-After` beyond this is not waited for: the error goes to the caller, who can decide.
LONGEST_RETRY_AFTER_SECONDS: Final = 60.0
#: How long streams, waits, uploads and downloads outlive a service that is away, as in a restart.
PATIENCE_SECONDS: Final = 120.0

#: The request was turned away: nothing has happened.
REFUSED_STATUSES: Final = frozenset({429, 503})
#: A gateway had no answer: whether anything has happened is not known.
LOST_STATUSES: Final = frozenset({502, 504})


def pauses() -> Iterator[float]:
    """Seconds to wait before each further try: doubling to a ceiling, with jitter so that clients spread out."""
    for turn in count():
        ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(turn, 16))
        yield ceiling * random.uniform(0.5, 1.0)  # noqa: S311  jitter, not a secret


def retry_after_seconds(header: str | None) -> float | None:
    """What a `Retry-After` header asks for, in seconds from now: a number or an HTTP date. None when there is none."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


class Patience:
    """Carries a long operation over the service's absence: renewed by every sign of life, spent by every failure."""

    def __init__(self, *, seconds: float = PATIENCE_SECONDS) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Take note that the service lives."""
        self._pauses = pauses()
        self._until = time.monotonic() + self._seconds

    def spend(self, error: TrainyardError) -> None:
        """Pause before the next try. Raises `error` when patience is at its end."""
        if time.monotonic() >= self._until:
            raise error
        time.sleep(next(self._pauses))
