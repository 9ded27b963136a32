"""How many requests a key may make in a minute, and how many wrong keys an address may try.

Counted in this process: N API processes allow N times as much. A limit keeps one client from starving the others; it is
no bill. The headers are those of the IETF draft on RateLimit fields.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from models.errors import TooManyRequests

_SECONDS: Final = 60
_POLICY: Final = "default"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit, and in how many seconds it is whole again."""

    limit: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """As answers tell it."""
        return {
            "RateLimit-Policy": f'"{_POLICY}";q={self.limit};w={_SECONDS}',
            "RateLimit": f'"{_POLICY}";r={self.remaining};t={self.reset_seconds}',
        }


class RateLimits:
    """Counts requests by key, and failed authentications by address, over a sliding minute."""

    def __init__(self, *, requests_per_minute: int, failures_per_minute: int) -> None:
        storage = MemoryStorage()
        self._counter = SlidingWindowCounterRateLimiter(storage)
        self._requests = RateLimitItemPerMinute(requests_per_minute, namespace="requests")
        self._failures = RateLimitItemPerMinute(failures_per_minute, namespace="failures")

    def count(self, key_id: str) -> Allowance:
        """Count a request. Raises TooManyRequests when there have been too many."""
        is_allowed = self._counter.hit(self._requests, key_id)
        allowance = self._allowance(self._requests, key_id)
        if not is_allowed:
            raise self._too_many(allowance, "This key has made too many requests in the last minute.")
        return allowance

    def check(self, address: str) -> None:
        """Raise TooManyRequests where too many wrong keys came from an address."""
        if not self._counter.test(self._failures, address):
            allowance = self._allowance(self._failures, address)
            raise self._too_many(allowance, "Too many wrong keys have come from this address in the last minute.")

    def fail(self, address: str) -> None:
        """Count a wrong key."""
        self._counter.hit(self._failures, address)

    def _allowance(self, item: RateLimitItemPerMinute, name: str) -> Allowance:
        stats = self._counter.get_window_stats(item, name)
        reset = max(1, math.ceil(stats.reset_time - time.time()))
        return Allowance(limit=item.amount, remaining=max(0, stats.remaining), reset_seconds=reset)

    def _too_many(self, allowance: Allowance, detail: str) -> TooManyRequests:
        headers = {**allowance.headers, "Retry-After": str(allowance.reset_seconds)}
        return TooManyRequests(detail, code="rate_limited", headers=headers)
