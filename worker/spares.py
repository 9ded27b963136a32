"""Spare trainers: one forked ahead per slot, so that a job never waits for a process to start."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from worker.exits import Exit
from worker.messages import DRY_RUN, PREDICT, PROBE, TRAIN, Decoder, Frame, FrameError
from worker.processes import TrainerProcess

log = logging.getLogger(__name__)

COMMAND: Final = (sys.executable, "-m", "worker.template")
#: OpenMP threads that wait by spinning starve each other as soon as the machine has anything else to do: measured on
#: two busy cores, 68 s of training instead of 4 s. A trainer's threads sleep instead; libgomp reads this when it loads.
_THREADS: Final = {"OMP_WAIT_POLICY": "PASSIVE"}
_SETTINGS_PREFIXES: Final = ("TRAINYARD_", "OTEL_")  # a collector's headers may hold its key
_RECEIVE_BYTES: Final = 1 << 16
_YOUNG_SECONDS: Final = 30.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_PROBE_SECONDS: Final = 60.0


class NoTemplate(Exception):
    """No trainer can be forked right now."""


class Spares:
    """A template process that is kept alive, and one idle trainer per slot forked from it."""

    def __init__(
        self,
        environments: Sequence[Mapping[str, str]],
        *,
        on_ready: Callable[[], None] = lambda: None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """`environments` holds what to set for the trainers of each slot, such as CUDA_VISIBLE_DEVICES.

        `on_ready` is called, from a thread of this object, whenever a template has warmed up.
        """
        self._on_ready = on_ready
        self._environments = environments
        self._command = command
        self._lock = threading.RLock()
        self._idle: dict[int, TrainerProcess] = {}
        self._channel: socket.socket | None = None  # to the template that lives
        self._control: socket.socket | None = None  # the same, once it can fork
        self._forking: deque[TrainerProcess] = deque()
        self._running: dict[int, TrainerProcess] = {}
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="template", daemon=True)

    def start(self) -> None:
        """Start the template and the first spares; returns at once, they need some seconds."""
        self._keeper.start()

    def take(self, slot: int) -> TrainerProcess:
        """The slot's spare, or one forked for it now. Raises NoTemplate when there is nothing to fork from."""
        with self._lock:
            spare = self._idle.pop(slot, None)
            if spare is not None:
                if spare.is_open():
                    return spare
                log.warning("slot %d: a spare trainer died while it waited: %s", slot, spare.last_words())
                spare.close()
            return self._fork(slot)

    def refill(self, slot: int) -> None:
        """Have the next spare of a slot forked, without waiting for it."""
        with self._lock, suppress(NoTemplate):
            if slot not in self._idle:
                self._idle[slot] = self._fork(slot)

    def predictor(self) -> TrainerProcess:
        """A process forked to predict, on the CPU. Raises NoTemplate when there is nothing to fork from."""
        with self._lock:
            return self._forked(Frame("prepare", {"environment": {"CUDA_VISIBLE_DEVICES": ""}}), what=PREDICT)

    def drop(self, slot: int) -> None:
        """Let the slot's spare go; the next one is forked when it is needed."""
        with self._lock:
            if (spare := self._idle.pop(slot, None)) is not None:
                spare.close()

    def probe(self, slot: int) -> bool:
        """Whether the slot's device computes, tried by a process of its own; False where none can be forked."""
        prepare = Frame("prepare", {"environment": dict(self._environments[slot])})
        try:
            with self._lock:
                process = self._forked(prepare, what=PROBE)
        except NoTemplate:
            return False
        try:
            if process.wait(_PROBE_SECONDS) and process.status == Exit.OK:
                return True
            log.warning("slot %d: its device failed a probe: %s", slot, process.last_words())
            return False
        finally:
            process.kill()
            process.close()

    def dry_runner(self, environment: Mapping[str, str]) -> TrainerProcess:
        """A process forked to try one job for a few steps. Raises NoTemplate when there is nothing to fork from."""
        with self._lock:
            return self._forked(Frame("prepare", {"environment": dict(environment)}), what=DRY_RUN)

    def give_back(self, slot: int, spare: TrainerProcess) -> None:
        """Return a spare that was taken and has not been used."""
        with self._lock:
            if slot in self._idle or self._closed.is_set():
                spare.close()
            else:
                self._idle[slot] = spare

    def close(self) -> None:
        """Close the template; it takes every trainer along. Waits until it is gone."""
        with self._lock:
            self._closed.set()
            for spare in self._idle.values():
                spare.close()
            self._idle.clear()
            if self._channel is not None:
                self._channel.shutdown(socket.SHUT_RDWR)
        if self._keeper.ident is not None:
            self._keeper.join()

    def _fork(self, slot: int) -> TrainerProcess:
        return self._forked(Frame("prepare", {"environment": dict(self._environments[slot])}), what=TRAIN)

    def _forked(self, prepare: Frame, *, what: bytes) -> TrainerProcess:
        """Ask for a fork; what is sent to the process meanwhile waits in its channel. Raises NoTemplate."""
        if self._control is None:
            raise NoTemplate
        try:
            return self._ask_for_fork(self._control, prepare, what=what)
        except OSError as error:
            log.warning("no trainer can be forked: %s", error)
            raise NoTemplate from error

    def _ask_for_fork(self, control: socket.socket, prepare: Frame, *, what: bytes) -> TrainerProcess:
        ours, theirs = socket.socketpair()
        with ExitStack() as unless_forked, theirs:
            unless_forked.callback(ours.close)
            read, write = os.pipe()
            unless_forked.callback(os.close, read)
            with os.fdopen(write, "wb"):
                trainer = TrainerProcess(ours, read)
                trainer.send(prepare)
                socket.send_fds(control, [what], [theirs.fileno(), write])
            unless_forked.pop_all()
        self._forking.append(trainer)
        return trainer

    def _keep(self) -> None:
        """Keep a template running until closed; one that dies young is restarted with growing pauses."""
        pause = 0.0
        while not self._closed.wait(pause):
            started = time.monotonic()
            try:
                self._serve_one()
            except Exception:  # without this thread no job would ever start here again
                log.exception("no template process could be kept; starting another")
            died_young = time.monotonic() - started < _YOUNG_SECONDS
            pause = min(2 * pause + 1, _LONGEST_PAUSE_SECONDS) if died_young else 0.0

    def _serve_one(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with self._lock:
                if self._closed.is_set():
                    return
                self._channel = ours
            try:
                self._serve_through(ours, theirs)
            finally:
                self._forget()  # before `ours` is closed: a request must not go into what is another's by now

    def _serve_through(self, ours: socket.socket, theirs: socket.socket) -> None:
        process = self._start_template(theirs)
        theirs.close()
        try:
            self._read_reports(ours)
        finally:
            process.kill()
            status = process.wait()
        if not self._closed.is_set():
            log.error("the template process ended with status %s; starting another", status)

    def _start_template(self, control: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self._command, str(control.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[control.fileno()],
            env=_environment(),
            start_new_session=True,
        )

    def _read_reports(self, control: socket.socket) -> None:
        decoder = Decoder()
        with suppress(OSError, FrameError):
            while data := control.recv(_RECEIVE_BYTES):
                for frame in decoder.feed(data):
                    if frame.kind == "ready":
                        self._open(control)
                    elif frame.kind == "warm":
                        self._renew()
                    else:
                        self._note(frame)

    def _open(self, control: socket.socket) -> None:
        """The template has warmed up: fork from it from now on."""
        with self._lock:
            self._control = control
        for slot in range(len(self._environments)):
            self.refill(slot)
        self._on_ready()

    def _renew(self) -> None:
        """The template has more to give than when the spares that wait were forked."""
        with self._lock:
            slots = list(self._idle)
            for slot in slots:
                self._idle.pop(slot).close()
                self.refill(slot)

    def _note(self, frame: Frame) -> None:
        pid = frame.fields["pid"]
        with self._lock:
            if frame.kind == "exited":
                self._running.pop(pid).ended(frame.fields["status"])
                return
            trainer = self._forking.popleft()
            if pid is None:
                trainer.ended(None)
            else:
                trainer.pid = pid
                self._running[pid] = trainer

    def _forget(self) -> None:
        """The template is gone, and every trainer with it."""
        with self._lock:
            self._control = self._channel = None
            for spare in self._idle.values():
                spare.close()
            self._idle.clear()
            for trainer in (*self._forking, *self._running.values()):
                trainer.ended(None)
            self._forking.clear()
            self._running.clear()


def _environment() -> dict[str, str]:
    """What a template and its trainers see: where our code is, and none of the service's settings and secrets."""
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_PREFIXES)}
    return {**_THREADS, **kept, "PYTHONPATH": path}
