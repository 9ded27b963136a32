"""The doorbell: tells idle workers that a job is queued, and busy ones that a job has orders.

A ring is a Celery task *name* without arguments; the job itself is a row that is already committed. Losing a ring
costs seconds (the sweep in `background` rings again), so ringing is left to a thread of its own, and a dead or half-
open broker can neither delay nor fail a request.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from typing import Any, Final, NamedTuple

_logger = logging.getLogger("trainyard.doorbell")

TASK_NAME: Final = "trainyard.train"
NUDGE_CHANNEL: Final = "trainyard:nudge"
_LONGEST_QUEUE: Final = 10_000
#: So many rings a pool in so long a moment.
MOST_RINGS: Final = 16
BURST_SECONDS: Final = 0.1
_PING_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 1.0

#: Without `socket_timeout` a connection whose other end vanished silently would block its user for ever.
TRANSPORT_OPTIONS: Final = {
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 5,
    # How often to try again is decided here, by a loop that can be stopped.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}


class _Ring(NamedTuple):
    pool: str


class _Nudge(NamedTuple):
    words: str


class Pace:
    """Lets only so many rings through in a moment: a slot that was woken claims until nothing is left, so in a burst of
    jobs most rings wake nobody. The last one of a burst is always sent, when its moment is over.
    """

    def __init__(self) -> None:
        self._since = float("-inf")
        self._sent: Counter[str] = Counter()
        self._held: set[str] = set()

    def owes_to(self, pool: str) -> bool:
        """Whether a ring of this pool is sent anyway, soon."""
        return pool in self._held

    @property
    def owes(self) -> bool:
        """Whether a ring has been held back."""
        return bool(self._held)

    def admits(self, pool: str, now: float) -> bool:
        """Whether a ring of this pool is sent now; where it is not, it is owed."""
        if now - self._since >= BURST_SECONDS:
            self._since = now
            self._sent.clear()
        self._sent[pool] += 1
        if self._sent[pool] <= MOST_RINGS:
            return True
        self._held.add(pool)
        return False

    def owed(self, now: float) -> list[str]:
        """The pools whose held rings are due; they are owed no more."""
        if not self._held or now - self._since < BURST_SECONDS:
            return []
        due, self._held = sorted(self._held), set()
        return due


class Doorbell:
    """Sends rings and nudges in the background, in order, and forgets what a dead broker does not take."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._messages: queue.Queue[_Ring | _Nudge | None] = queue.Queue(maxsize=_LONGEST_QUEUE)
        self._thread = threading.Thread(target=self._work, name="doorbell", daemon=True)
        self._pace = Pace()
        self._closing = threading.Event()
        self._has_complained = False
        self._is_overflowing = False
        self.is_connected = False

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self, *, timeout_seconds: float = 2.0) -> None:
        """Send what is waiting, as far as the broker takes it in time, and stop."""
        self._closing.set()
        self._put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def ring(self, pool: str) -> None:
        """Wake a worker of this pool. Call it after the commit. Never blocks, never fails.

        In a burst the thread is left to sleep: the ring that it owes the pool is sent after this commit as well.
        """
        if not self._pace.owes_to(pool):
            self._put(_Ring(pool))

    def nudge(self, words: str) -> None:
        """Let every worker hear at once what it would find by itself later: the id of a job that has orders, or
        `models.predictions.nudge`.
        """
        self._put(_Nudge(words))

    def _put(self, message: _Ring | _Nudge | None) -> None:
        try:
            self._messages.put_nowait(message)
        except queue.Full:
            if not self._is_overflowing:
                self._is_overflowing = True
                _logger.warning("the broker takes nothing: doorbells are left to the sweep")

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                self._serve()
            except Exception as error:  # noqa: BLE001  kombu and redis share no base class, and this thread must live
                self._lost(error)
                self._closing.wait(_RETRY_SECONDS)

    def _lost(self, error: Exception) -> None:
        self.is_connected = False
        self._pace = Pace()  # what was owed is left to the sweep
        if not self._has_complained:
            self._has_complained = True
            _logger.warning(
                "the broker does not answer; jobs wait for the workers' own sweep: %s", type(error).__name__
            )

    def _found(self) -> None:
        self.is_connected = True
        self._has_complained = self._is_overflowing = False
        _logger.info("the broker answers")

    def _serve(self) -> None:
        app = _celery(self._broker_url)
        with app.connection_for_write(transport_options=TRANSPORT_OPTIONS) as connection:
            client = connection.default_channel.client
            client.ping()
            self._found()
            pace = self._pace = Pace()
            while True:
                for pool in pace.owed(time.monotonic()):
                    self._send(app, connection, _Ring(pool))
                try:
                    message = self._messages.get(timeout=BURST_SECONDS if pace.owes else _PING_SECONDS)
                except queue.Empty:
                    if not pace.owes:
                        client.ping()
                    continue
                if message is None:
                    for pool in pace.owed(float("inf")):
                        self._send(app, connection, _Ring(pool))
                    return
                if not isinstance(message, _Ring) or pace.admits(message.pool, time.monotonic()):
                    self._send(app, connection, message)

    def _send(self, app: Any, connection: Any, message: _Ring | _Nudge) -> None:
        started = time.monotonic()
        if isinstance(message, _Ring):
            app.send_task(TASK_NAME, queue=message.pool, connection=connection, ignore_result=True, retry=False)
        else:
            connection.default_channel.client.publish(NUDGE_CHANNEL, message.words)
        _logger.debug("sent %s in %.1f ms", message, (time.monotonic() - started) * 1000)


def _celery(broker_url: str) -> Any:
    from celery import Celery  # a quarter of a second that the API's start need not wait for

    app = Celery("trainyard-doorbell", broker=broker_url, set_as_current=False)
    app.conf.update(
        broker_transport_options=TRANSPORT_OPTIONS,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
    )
    return app
