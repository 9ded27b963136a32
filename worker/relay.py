"""Carries what a trainer says into the database, and keeps the lease: a thread per attempt.

The trainer is never slowed by the database. What it says is gathered into a batch; the thread writes one a few times a
second and at least once per heartbeat, keeps what could not be written, and tries again. Each write is fenced: once the
attempt is superseded nothing is written any more.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Final

from models.endings import Ending
from models.errors import Superseded, Unavailable
from models.leases import Orders
from models.status import Fault, Outcome, Status
from worker.batch import Batch
from worker.ledger import Ledger
from worker.messages import Frame

log = logging.getLogger(__name__)

#: Somebody may be watching a job that has just started; later on a second is soon enough.
FLUSH_SECONDS: Final = 0.25
LATER_FLUSH_SECONDS: Final = 1.0
_LATER: Final = 10.0
_FIRST_RETRY_SECONDS: Final = 0.2
_LONGEST_RETRY_SECONDS: Final = 5.0
_UNSTORABLE: Final = Ending(
    outcome=Outcome.FAILED,
    reason={
        "code": "internal_error",
        "message": "What the trainer said cannot be stored; the worker's log says why.",
        "param": None,
        "fault": Fault.INFRASTRUCTURE,
    },
)


class Relay:
    """One attempt's batches, heartbeats and ending."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        heartbeat_seconds: float,
        on_orders: Callable[[Orders], None],
        on_lost: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        """`on_orders` hears each heartbeat's answer, `on_lost` that the attempt may write nothing any more, and
        `on_broken` that something the trainer said can never be stored.
        """
        self._ledger = ledger
        self._heartbeat_seconds = heartbeat_seconds
        self._on_orders = on_orders
        self._on_lost = on_lost
        self._on_broken = on_broken
        self._batch = Batch()
        self._unanswered: Batch | None = None  # may be written already; repeated as it is, before anything else
        self._changed = threading.Condition()
        self._is_closing = False
        self.is_lost = False
        self.last_beat_at = self._started_at = time.monotonic()
        self._beat_at = self._started_at + self._until_next_beat()
        self._flush_at = self._started_at + FLUSH_SECONDS
        self._retry_seconds = 0.0
        self._thread = threading.Thread(  # its lines are about the same job
            target=copy_context().run, args=[self._run], name=f"relay {ledger.lease.job_id}", daemon=True
        )

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def put(self, frame: Frame) -> None:
        """Leave a frame of the trainer to be written.

        Once a run has been trained, what it has said is written while it is scored: its ending has little left then.
        """
        with self._changed:
            is_first = not self._batch
            self._batch.add(frame)
            if frame.kind == "phase" and frame.fields["phase"] == "evaluating":
                self._flush_at = time.monotonic()
                self._changed.notify()
            elif is_first:
                self._changed.notify()

    def put_log(self, text: bytes) -> None:
        """Leave a piece of the trainer's output to be written."""
        with self._changed:
            is_first = not self._batch
            self._batch.add_log(text)
            if is_first:
                self._changed.notify()

    def nudge(self) -> None:
        """Beat now: somebody has asked something of this job."""
        with self._changed:
            self._beat_at = time.monotonic()
            self._changed.notify()

    def end(self, ending: Ending, *, give_up: threading.Event) -> Status | None:
        """Write what is left and end the attempt, however long the database is away.

        Answers where the job stands then; None where another attempt holds it, or where it was tried in vain and
        `give_up` was set.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()
        while not self.is_lost:
            try:
                if self._unanswered is not None:
                    self._ledger.write(self._unanswered)
                    self._unanswered = None
                return self._ledger.end(self._batch, ending)
            except Superseded:
                self._lose()
            except Unavailable:
                self._back_off()
                if give_up.wait(self._retry_seconds):
                    break
            except Exception:
                log.exception("job %s: its ending cannot be stored", self._ledger.lease.job_id)
                if ending is _UNSTORABLE:
                    break  # the lease runs out, and the reaper ends the attempt
                self._unanswered, self._batch, ending = None, Batch(), _UNSTORABLE
        return None

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                orders = self._ledger.write(batch)
            except Superseded:
                self._lose()
            except Unavailable:
                self._unanswered = batch
                self._back_off()
            except Exception:  # a batch that can never be written must not be tried for ever
                log.exception("job %s: what its trainer said cannot be stored", self._ledger.lease.job_id)
                self._unanswered = None
                self._on_broken()
            else:
                self._unanswered = None
                self._written()
                self._on_orders(orders)

    def _next_batch(self) -> Batch | None:
        """Wait until a batch or a heartbeat is due and take what there is; None when the attempt is ending."""
        with self._changed:
            while not self._is_closing and not self.is_lost:
                pause = self._due_at() - time.monotonic()
                if pause <= 0:
                    return self._take()
                self._changed.wait(pause)
        return None

    def _take(self) -> Batch:
        """What is to be written now; the caller holds the lock."""
        if self._unanswered is not None:
            return self._unanswered
        batch, self._batch = self._batch, Batch()
        return batch

    def _due_at(self) -> float:
        due = min(self._beat_at, self._flush_at) if self._batch else self._beat_at
        return due + self._retry_seconds

    def _written(self) -> None:
        with self._changed:
            now = self.last_beat_at = time.monotonic()
            self._beat_at = now + self._until_next_beat()
            is_young = now - self._started_at < _LATER
            self._flush_at = now + (FLUSH_SECONDS if is_young else LATER_FLUSH_SECONDS)
            self._retry_seconds = 0.0

    def _back_off(self) -> None:
        """Try again soon, but not all workers at the same moment."""
        longer = min(max(2 * self._retry_seconds, _FIRST_RETRY_SECONDS), _LONGEST_RETRY_SECONDS)
        with self._changed:
            self._retry_seconds = longer * random.uniform(0.8, 1.2)  # noqa: S311  jitter
            self._beat_at = self._flush_at = time.monotonic()

    def _lose(self) -> None:
        self.is_lost = True
        log.warning("job %s attempt %d is superseded", self._ledger.lease.job_id, self._ledger.lease.attempt)
        self._on_lost()

    def _until_next_beat(self) -> float:
        return self._heartbeat_seconds * random.uniform(0.9, 1.1)  # noqa: S311  jitter
