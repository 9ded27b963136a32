"""One attempt, from the start message to the committed ending.

    trainer ──frames, output──> supervisor ──batches──> relay ──transactions──> database
            <──orders────────────          <──orders────

The supervisor waits for whichever comes first: a frame, output, an order, or a deadline. It never sleeps and never
touches the database itself; what it decides is in `verdict`, when it loses patience in `watchdog`.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Final

from models.endings import Ending
from models.leases import Orders
from models.status import Status
from worker import memory_kills
from worker.exits import DUMP_SIGNAL, Reason
from worker.ledger import Ledger
from worker.limits import Limits
from worker.luggage import Luggage, NoLuggage
from worker.messages import Decoder, Frame, FrameError
from worker.processes import TrainerProcess
from worker.relay import Relay
from worker.spans import AttemptSpans
from worker.verdict import BROKEN, GARBLED, HUNG, TIMEOUT, UNSTORABLE, Seen, verdict
from worker.watchdog import Watchdog

log = logging.getLogger(__name__)

_READ_BYTES: Final = 1 << 18
#: Orders by rank: a higher one replaces a lower one, never the other way round.
_RANKS: Final = {"pause": 1, "stop": 2, "drain": 3, "cancel": 4}
_NEVER: Final = float("inf")
_DUMP_SECONDS: Final = 0.5
_EXIT_SECONDS: Final = 5.0
#: The next spare warms up once its predecessor has trained for so long, or is done: a small job has the machine alone.
SPARE_SECONDS: Final = 0.5


class Supervisor:
    """Starts, hears, steers and buries one trainer."""

    def __init__(
        self,
        trainer: TrainerProcess,
        start: Frame,
        *,
        ledger: Ledger,
        limits: Limits,
        spans: AttemptSpans | None = None,
        luggage: Luggage | NoLuggage | None = None,
    ) -> None:
        """`luggage` carries data and checkpoints where the worker shares no disk with the artifact store."""
        self._luggage = luggage or NoLuggage()
        self._trainer = trainer
        self._spans = spans
        self._start = start
        self._limits = limits
        self._relay = Relay(
            ledger,
            heartbeat_seconds=limits.heartbeat_seconds,
            on_orders=self._pass_on,
            on_lost=self._end_now,
            on_broken=lambda: self._end_now(UNSTORABLE),
        )
        self._decoder = Decoder()
        self._seen = Seen()
        self.ending: Ending | None = None  # what the attempt came to, once that is known
        self._memory_kills = memory_kills.Recent(time.monotonic(), count=memory_kills.count)
        self._has_started = False
        self._is_over = False
        self._on_spare_due: Callable[[], None] = lambda: None
        self._steering = threading.Lock()
        self._waker, self._alarm = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        now = time.monotonic()
        longest = limits.max_runtime_seconds
        self._watchdog = Watchdog(patience_seconds=limits.watchdog_seconds, now=now)
        self._spare_at = 0.0  # not before the first step
        self._must_end_at = _NEVER if longest is None else now + longest
        self._kill_at = _NEVER

    def run(self, *, on_spare_due: Callable[[], None], give_up: threading.Event) -> Status | None:
        """Supervise to the end; answers where the job stands then, or None where this attempt has no say any more.

        `on_spare_due` is called once, when the next trainer may warm up without being in this one's way; with `give_up`
        set, a database that does not answer is no longer waited for.
        """
        self._on_spare_due = on_spare_due
        try:
            self._luggage.begin(
                self._start,
                tell=self._relay.put,
                on_sign=lambda: self._watchdog.saw_sign(time.monotonic()),
                on_ready=self._send_start,
                on_missing=self._end_now,
            )
            self._relay.start()
            self.ending = self._settled(self._conclude(), give_up)
            with nullcontext() if self._spans is None else self._spans.finishing():
                return self._relay.end(self.ending, give_up=give_up)
        finally:
            self._bury()

    def order(self, order: str, *, grace_seconds: float | None = None) -> None:
        """Ask the trainer to cancel, pause, stop or drain, from any thread; after the grace it is killed."""
        with self._steering:
            if _RANKS[order] <= _RANKS.get(self._seen.order or "", 0):
                return
            self._seen.order = order
            if grace_seconds is not None:
                self._kill_at = min(self._kill_at, time.monotonic() + grace_seconds)
            has_started = self._has_started
        if has_started:
            self._send_order(order)
        elif self._luggage.is_fetching and order != "stop":
            self._luggage.abandon()
            self._end_now()
        self._wake()

    def nudge(self) -> None:
        """Ask the database for orders now, from any thread."""
        self._relay.nudge()

    def _settled(self, ending: Ending, give_up: threading.Event) -> Ending:
        """The ending once the store has what it says, or what it comes to where the store never gets it."""
        return self._luggage.settle(
            ending,
            patience_seconds=self._limits.offline_seconds,
            is_over=lambda: self._relay.is_lost or self._seen.order == "cancel",
            give_up=give_up,
        )

    def _send_start(self, start: Frame) -> None:
        """Send the start, and behind it what was asked before: a spare takes the next frame it hears for its start."""
        self._start = start
        with self._steering:
            with suppress(OSError):  # a trainer that is gone is noticed when its channel is read
                self._trainer.send(self._start)
            self._has_started = True
            if self._seen.order is not None:
                self._send_order(self._seen.order)

    def _send_order(self, order: str) -> None:
        with suppress(OSError):
            self._trainer.send(Frame("order", {"order": order}))

    def _pass_on(self, orders: Orders) -> None:
        if orders.cancel:
            self.order("cancel", grace_seconds=self._limits.stop_grace_seconds)
        elif orders.pause:
            self.order("pause")
        elif orders.stop:
            self.order("stop")

    def _end_now(self, cause: Reason | None = None) -> None:
        """Kill the trainer, from any thread: what it does has no use any more."""
        self._seen.cause = self._seen.cause or cause
        self._seen.was_killed = True
        self._trainer.kill()

    def _conclude(self) -> Ending:
        """See the run through; a mistake of our own ends it like any other failure, and its lease is not kept."""
        try:
            self._watch()
            self._seen.oom_kills = self._memory_kills.num_kills()
            return verdict(self._seen)
        except Exception:
            log.exception("supervision has failed")
            self._end_now()
            return verdict(Seen(cause=BROKEN))

    def _wake(self) -> None:
        with suppress(OSError):
            self._alarm.send(b"!")

    def _watch(self) -> None:
        """React to frames, output, orders and deadlines until the trainer has had its last word, or is gone."""
        for source, react in (
            (self._trainer.channel, self._hear),
            (self._trainer.output, self._copy_output),
            (self._waker, lambda: self._waker.recv(_READ_BYTES)),
        ):
            self._selector.register(source, selectors.EVENT_READ, react)
        while not self._is_over:
            pause = max(0.0, self._next_deadline() - time.monotonic())
            for key, _ in self._selector.select(pause):
                key.data()
            self._keep_deadlines(time.monotonic())
        if self._seen.last is None:
            self._await_exit()
        self._copy_output()

    def _hear(self) -> None:
        try:
            data = self._trainer.channel.recv(_READ_BYTES)
            for frame in self._decoder.feed(data):
                self._take(frame)
        except FrameError:
            self._end_now(GARBLED)
            data = b""
        except OSError:
            data = b""
        if not data:
            self._is_over = True

    def _take(self, frame: Frame) -> None:
        now = time.monotonic()
        if self._spans is not None:
            self._spans.hear(frame)
        match frame.kind:
            case "progress":
                self._watchdog.saw_step(frame.fields["step"], now=now)
                self._spare_at = self._spare_at or now + SPARE_SECONDS
                eta_seconds = self._watchdog.seconds_left(frame.fields["step"], of=frame.fields["steps"])
                frame = Frame("progress", {**frame.fields, "eta_seconds": eta_seconds})
            case "phase":
                self._watchdog.saw_phase(is_training=frame.fields["phase"] == "training", now=now)
            case "finished" | "failed":
                self._seen.last = frame
                self._is_over = True
                self._make_spare()
                return
            case "sign":
                self._watchdog.saw_sign(now)
                return
            case "checkpoint" if "final" in frame.fields["kinds"]:
                self._seen.final = frame
            case "checkpoint" | "warning" | "finding" | "resolved" | "rewound":
                self._watchdog.saw_sign(now)
        self._luggage.carry(frame, tell=self._relay.put)

    def _make_spare(self) -> None:
        if self._spare_at != _NEVER:
            self._spare_at = _NEVER
            self._on_spare_due()

    def _copy_output(self) -> None:
        """Take what the trainer has printed; also what is left when it is over."""
        try:
            while text := os.read(self._trainer.output, _READ_BYTES):
                self._relay.put_log(text)
        except BlockingIOError:
            return
        with suppress(KeyError):
            self._selector.unregister(self._trainer.output)

    def _next_deadline(self) -> float:
        offline_at = self._relay.last_beat_at + self._limits.offline_seconds
        return min(self._hung_at(), self._must_end_at, self._kill_at, offline_at, self._spare_at or _NEVER)

    def _hung_at(self) -> float:
        """When patience ends; a trainer that will be killed anyway is not waited for twice."""
        return self._watchdog.deadline if self._kill_at == _NEVER else _NEVER

    def _keep_deadlines(self, now: float) -> None:
        self._memory_kills.look(now)
        if now >= (self._spare_at or _NEVER):
            self._make_spare()
        if now >= self._kill_at:
            self._kill_at = _NEVER
            self._end_now()
        elif now >= self._must_end_at:
            self._must_end_at = _NEVER
            self._seen.cause = TIMEOUT
            self.order("drain", grace_seconds=self._limits.stop_grace_seconds)
        elif now >= self._hung_at():
            self._seen.cause = self._seen.cause or HUNG
            self._trainer.signal(DUMP_SIGNAL)
            self._kill_at = now + _DUMP_SECONDS
        elif now >= self._relay.last_beat_at + self._limits.offline_seconds:
            self._relay.last_beat_at = now
            self.order("drain", grace_seconds=self._limits.stop_grace_seconds)

    def _await_exit(self) -> None:
        if not self._trainer.wait(_EXIT_SECONDS):
            self._trainer.kill()
            self._trainer.wait(_EXIT_SECONDS)
        self._seen.status = self._trainer.status

    def _bury(self) -> None:
        """See that nothing of the trainer is left: process, descriptors, half-written checkpoints."""
        if not self._trainer.wait(_EXIT_SECONDS):
            self._trainer.kill()
        self._trainer.close()
        self._selector.close()
        for end in (self._waker, self._alarm):
            end.close()
        self._luggage.close(Path(self._start.fields["directory"]))
