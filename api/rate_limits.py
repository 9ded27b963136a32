"""How many requests a key may make in a minute, and how many wrong keys an address may try.

Counted in this process: N API processes allow N times as much. A limit keeps one client from starving the others; it is
no bill. The headers are those of the IETF draft on RateLimit fields.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from api.sliding_window import SlidingWindow
from models.errors import TooManyRequests

_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit, and in how many seconds the next minute begins."""

    limit: int
    remaining: int
    reset_seconds: int
    policy: str

    @property
    def headers(self) -> dict[str, str]:
        """As answers tell it."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_seconds}',
        }


class RateLimits:
    """Counts requests by key, and failed authentications by address, over a sliding minute."""

    def __init__(self, *, requests_per_minute: int, failures_per_minute: int) -> None:
        self._requests = SlidingWindow(limit=requests_per_minute, seconds=_SECONDS)
        self._failures = SlidingWindow(limit=failures_per_minute, seconds=_SECONDS)

    def count(self, key_id: str) -> Allowance:
        """Count a request. Raises TooManyRequests when there have been too many."""
        if not self._requests.hit(key_id):
            detail = "This key has made too many requests in the last minute."
            raise _too_many(self._requests, key_id, detail, policy="default")
        return _allowance(self._requests, key_id, policy="default")

    def check(self, address: str) -> None:
        """Raise TooManyRequests where too many wrong keys came from an address."""
        if not self._failures.remaining(address):
            detail = "Too many wrong keys have come from this address in the last minute."
            raise _too_many(self._failures, address, detail, policy="wrong_keys")

    def fail(self, address: str) -> None:
        """Count a wrong key."""
        self._failures.hit(address)


def _allowance(window: SlidingWindow, name: str, *, policy: str) -> Allowance:
    reset = max(1, math.ceil(window.reset_seconds()))
    return Allowance(limit=window.limit, remaining=window.remaining(name), reset_seconds=reset, policy=policy)


def _too_many(window: SlidingWindow, name: str, detail: str, *, policy: str) -> TooManyRequests:
    wait = max(1, math.ceil(window.wait_seconds(name)))
    headers = {**_allowance(window, name, policy=policy).headers, "Retry-After": str(wait)}
    return TooManyRequests(detail, code="rate_limited", headers=headers)
