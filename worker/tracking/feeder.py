"""Feeds one tracker of one attempt: a thread that never lets anybody wait."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import feed
from models.database import Database
from models.errors import Unavailable
from models.feed import Portion, Standing
from models.leases import Lease
from worker.messages import Frame
from worker.tracking.process import COMMAND, TrackerFailed, TrackerProcess, TrackerRefused, started
from worker.tracking.sinks import TITLES

log = logging.getLogger(__name__)

#: Says something to whoever looks at the job: a code and a message.
Warn = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a feeder waits for what, in seconds."""

    poll: float = 2.0  #: between two looks into the database
    opening: float = 60.0
    answer: float = 60.0
    first_retry: float = 1.0
    longest_retry: float = 60.0
    linger: float = 60.0  #: after the attempt has ended, for what the tracker has not taken yet


class Feeder:
    """Tells a tracker everything that is committed, from where the tracker says that it is.

    `keep` makes the run of a job that is over last where it would not by itself; it may raise Unavailable.
    """

    def __init__(
        self,
        tracker: str,
        run: Mapping[str, Any],
        *,
        database: Database,
        lease: Lease,
        warn: Warn,
        folder: Path,
        keep: Callable[[], None] | None = None,
        patience: Patience = Patience(),
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._tracker = tracker
        self._title = TITLES[tracker]
        self._run_document = run
        self._database = database
        self._lease = lease
        self._warn = warn
        self._folder = folder
        self._keep = keep
        self._patience = patience
        self._command = command
        self._position: int | None = None
        self._ended = threading.Event()
        self._is_killed = False
        self._is_whole = False
        self._has_complained = False
        self._deadline = float("inf")
        self._child: TrackerProcess | None = None
        self._thread = threading.Thread(target=self._run, name=f"{tracker} {lease.job_id}", daemon=True)

    def start(self) -> None:
        """Start feeding; returns at once."""
        self._thread.start()

    def end(self) -> None:
        """The attempt has ended: tell the tracker what is left, within the time to linger."""
        self._deadline = time.monotonic() + self._patience.linger
        self._ended.set()

    def kill(self) -> None:
        """Stop at once: another attempt may feed the tracker already, or the worker ends."""
        self._is_killed = True
        self.end()
        if (child := self._child) is not None:
            child.kill()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the thread; whether it is over."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause = self._patience.first_retry
        while not self._is_killed and time.monotonic() < self._deadline:
            if self._try():
                self._store()
                return
            self._wait(pause)
            pause = min(2 * pause, self._patience.longest_retry)
        self._give_up()

    def _try(self) -> bool:
        """Feed the tracker by a new child; False where it may be tried again."""
        try:
            with started(self._tracker, folder=self._folder, command=self._command) as child:
                self._child = child
                self._feed(child)
        except TrackerFailed as failed:
            self._fail(failed)
            return False
        except TrackerRefused as refused:
            self._say("tracking_unavailable", f"{self._title}: {refused}; the job goes on without it.")
        except Exception:
            log.exception("job %s: feeding %s has failed", self._lease.job_id, self._title)
        return True

    def _feed(self, child: TrackerProcess) -> None:
        """Tell the tracker all there is, to the end of the attempt."""
        opened = child.ask(Frame("open", self._run_document), timeout_seconds=self._in_time(self._patience.opening))
        self._position = int(opened.fields["step"])
        while not self._is_killed:
            has_ended = self._ended.is_set()
            standing, portion = self._look(self._position)
            if standing is None:
                return  # another attempt feeds the tracker now
            if portion.last_step is not None:
                child.ask(_points(portion), timeout_seconds=self._in_time(self._patience.answer))
                self._position = portion.last_step
            elif has_ended:
                child.ask(_closing(standing), timeout_seconds=self._in_time(self._patience.answer))
                self._is_whole = standing.status.is_terminal
                return
            if portion.is_all and not has_ended:
                self._ended.wait(self._patience.poll)

    def _store(self) -> None:
        """Have a run that is over kept, again and again while there is time."""
        while self._keep is not None and self._is_whole and not self._is_killed:
            try:
                return self._keep()
            except (Unavailable, OSError, ValueError) as error:
                if time.monotonic() >= self._deadline:
                    message = f"The offline run of {self._title} stays on its worker's disk: {error}"
                    self._say("tracking_gap", message)
                    return None
                self._wait(self._patience.first_retry)
        return None

    def _look(self, position: int) -> tuple[Standing | None, Portion]:
        """Where the job stands and what comes next, however long the database is away."""
        while True:
            try:
                with self._database.reading() as connection:
                    standing = feed.standing(connection, self._lease)
                    is_over = standing is not None and standing.status.is_terminal
                    portion = feed.portion(
                        connection, job_id=self._lease.job_id, after_step=position, with_last=is_over
                    )
                    return standing, portion
            except Unavailable as error:
                if self._is_killed or time.monotonic() >= self._deadline:
                    raise TrackerFailed("the database does not answer") from error
                time.sleep(min(self._patience.poll, 0.1))

    def _fail(self, failed: TrackerFailed) -> None:
        log.warning("job %s: %s does not take what it is told: %s", self._lease.job_id, self._title, failed)
        if not self._is_killed and not self._has_complained:
            self._has_complained = True
            message = f"{self._title} does not take what is measured ({failed}); the job goes on, and what is missing "
            self._say("tracking_delayed", f"{message}is sent as soon as it does.")

    def _give_up(self) -> None:
        """Say that the run is not whole there, unless another attempt goes on with it."""
        position = -1 if self._position is None else self._position
        try:
            standing, _ = self._look(position)
        except TrackerFailed:
            return
        if standing is not None and standing.status.is_terminal:
            told = "nothing" if position < 0 else f"what was measured up to step {position}"
            message = f"{self._title} was told {told}; it did not take the rest and the end of the run in time."
            self._say("tracking_gap", message)

    def _say(self, code: str, message: str) -> None:
        try:
            self._warn(code, message)
        except Exception:
            log.exception("job %s: a warning could not be stored: %s", self._lease.job_id, message)

    def _in_time(self, seconds: float) -> float:
        return max(0.01, min(seconds, self._deadline - time.monotonic()))

    def _wait(self, seconds: float) -> None:
        """Wait before the next try; an ending is a reason to try at once."""
        if self._ended.is_set():
            time.sleep(min(seconds, max(0.0, self._deadline - time.monotonic())))
        else:
            self._ended.wait(seconds)


def _points(portion: Portion) -> Frame:
    columns = [column for one in portion.series.values() for column in (one.steps, one.times, one.values)]
    return Frame("points", {"names": list(portion.series)}, columns)


def _closing(standing: Standing) -> Frame:
    ending = str(standing.status) if standing.status.is_terminal else "interrupted"
    return Frame("close", {"ending": ending, "test": dict(standing.test), "step": standing.steps})
