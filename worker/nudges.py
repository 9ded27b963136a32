"""What workers hear over the broker beside doorbells; losing any of it costs seconds.

A nudge says "somebody has asked something of this job". A ring is a doorbell that was heard by a worker that could do
nothing about it: a doorbell has one hearer, who may be busy, or lack the device, while another worker is idle.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import redis

CHANNEL: Final = "trainyard:nudge"
RING_CHANNEL: Final = "trainyard:ring"
_POLL_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = 5.0
_TIMEOUTS: Final[Mapping[str, Any]] = {"socket_timeout": _TIMEOUT_SECONDS, "socket_connect_timeout": _TIMEOUT_SECONDS}
_RETRY_SECONDS: Final = 1.0
#: Looks without an answer to a ping after which the connection counts as dead, however alive it seems.
_MAX_SILENT_LOOKS: Final = 5

log = logging.getLogger(__name__)


class Nudges:
    """A thread that listens on the broker and reconnects for ever."""

    def __init__(
        self, broker_url: str, *, pool: str, on_nudge: Callable[[str], None], on_ring: Callable[[], None]
    ) -> None:
        """From the listening thread, `on_nudge` is called with the id of each job that is named, and `on_ring` when
        another worker of the pool passes a doorbell on.
        """
        self._url = redis_url(broker_url)
        self._pool = pool
        self._on_nudge = on_nudge
        self._on_ring = on_ring
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nudges", daemon=True)

    def start(self) -> None:
        """Begin to listen; does nothing with a broker that is no Redis."""
        if self._url:
            self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(_TIMEOUT_SECONDS)

    def pass_on(self) -> None:
        """Tell every worker of the pool that a doorbell has rung; a broker that is away has nobody told."""
        if not self._url:
            return
        try:
            with redis.Redis.from_url(self._url, **_TIMEOUTS) as client:
                client.publish(RING_CHANNEL, self._pool)
        except redis.RedisError as error:
            log.debug("a doorbell is left to the sweeps: %s", error)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._listen()
            except redis.RedisError as error:
                log.debug("no nudges for now: %s", error)
                self._closing.wait(_RETRY_SECONDS)
            except Exception:  # anybody may publish anything
                log.exception("a nudge that could not be heard; listening again")
                self._closing.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        with redis.Redis.from_url(self._url, **_TIMEOUTS) as client, client.pubsub() as subscription:
            subscription.subscribe(CHANNEL, RING_CHANNEL)
            num_silent_looks = 0
            while not self._closing.is_set():
                message = subscription.get_message(timeout=_POLL_SECONDS)
                num_silent_looks = num_silent_looks + 1 if message is None else 0
                if message is None:
                    subscription.ping()
                elif message["type"] == "message":
                    self._hear(message)
                if num_silent_looks > _MAX_SILENT_LOOKS:
                    raise redis.ConnectionError("the broker does not answer")

    def _hear(self, message: Mapping[str, Any]) -> None:
        word = message["data"].decode()
        if message["channel"] == CHANNEL.encode():
            self._on_nudge(word)
        elif word == self._pool:
            self._on_ring()


def redis_url(broker_url: str) -> str:
    """Celery's broker URL in the words of redis-py; empty for a broker that is no Redis."""
    parts = urlsplit(broker_url)
    if parts.scheme in {"redis", "rediss"}:
        return broker_url
    if parts.scheme == "redis+socket":
        number = parse_qs(parts.query).get("virtual_host", ["0"])[0]
        return f"unix://{parts.netloc}{parts.path}?db={number}"
    return ""
