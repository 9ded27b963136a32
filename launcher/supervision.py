"""Keeping child processes alive: start, restart with backoff, stop in order."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from launcher import processes
from launcher.errors import NotStarted

POLL_SECONDS = 0.05
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""A part that ran this long counts as healthy again: its next crash is restarted at once."""
HOPELESS_CRASHES = 4
"""A part that crashed this often before the service was ready will not come up."""


@dataclass
class Part:
    """One process of the service: how it is started, and how its restarts are paced."""

    name: str
    command: Sequence[str]
    log: Path
    directory: Path
    environment: Mapping[str, str]
    grace_seconds: float = 10.0
    when_orphaned: signal.Signals = signal.SIGTERM
    keep: Sequence[int] = ()
    stops_last: bool = False
    crashes: int = field(default=0, init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    due_at: float = field(default=0.0, init=False)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs now."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process; times are of the monotonic clock."""
        self.started_at = time.monotonic()
        self.process = processes.spawn(
            self.command,
            log=self.log,
            environment=self.environment,
            directory=self.directory,
            when_orphaned=self.when_orphaned,
            keep=self.keep,
        )

    def tend(self) -> str | None:
        """Restart the process when it has ended and its pause is over; return a sentence about an end just found."""
        now = time.monotonic()
        if self.process is None:
            if self.started_at and now >= self.due_at:
                self.start()
            return None
        status = self.process.poll()
        if status is None:
            return None
        self.crashes = 1 if now - self.started_at >= STEADY_SECONDS else self.crashes + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (self.crashes - 1), LONGEST_PAUSE_SECONDS)
        self.process, self.due_at = None, now + pause
        return f"{self.name} {describe(status)}; starting it again in {pause:g} s (log: {self.log})"

    def ask_to_stop(self) -> None:
        """Send SIGTERM without waiting."""
        if self.process and self.is_alive:
            self.process.terminate()

    def end(self, *, grace_seconds: float = 0.0) -> None:
        """Send SIGTERM, and SIGKILL after the grace; return when the process is gone."""
        if self.process:
            processes.stop(self.process, grace_seconds=grace_seconds)

    def log_tail(self, *, num_lines: int = 15) -> str:
        """Return the last lines that the process wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-num_lines:])


@dataclass
class Supervisor:
    """Runs the parts of one service; everything happens in the thread that calls it."""

    parts: Sequence[Part]
    say: Callable[[str], None]
    announce: Callable[[dict[str, int], bool], None]
    stop_orders: int = field(default=0, init=False)
    is_ready: bool = field(default=False, init=False)
    announced: tuple[dict[str, int], bool] | None = field(default=None, init=False)

    def listen(self) -> None:
        """Take SIGINT, SIGTERM and SIGHUP from now on as orders to stop."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_order)

    def start(self, *names: str) -> None:
        """Start the named parts at once; they wait for one another by themselves."""
        for part in self.parts:
            if part.name in names:
                part.start()
        self._announce()

    def run_until(self, done: Callable[[], bool], *, hopeless_crashes: int | None = None) -> None:
        """Restart what ends until `done` or an order to stop. Raises NotStarted after too many crashes of one part."""
        while not self.stop_orders and not done():
            for part in self.parts:
                finding = part.tend()
                if finding and hopeless_crashes and part.crashes >= hopeless_crashes:
                    raise NotStarted(f"the {part.name} does not start. The end of {part.log}:\n{part.log_tail()}")
                if finding:
                    self.say(finding)
            self._announce()
            time.sleep(POLL_SECONDS)

    def declare_ready(self) -> None:
        """Let others know that the service takes jobs."""
        self.is_ready = True
        self._announce()

    def stop(self) -> None:
        """Stop the parts together, then the last ones; one more order to stop ends the patience."""
        together = [part for part in self.parts if not part.stops_last]
        orders, deadline = self.stop_orders, time.monotonic() + max(part.grace_seconds for part in together)
        for part in together:
            part.ask_to_stop()
        while any(part.is_alive for part in together) and self.stop_orders == orders and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        for part in together:
            part.end()
        for part in self.parts:
            part.end(grace_seconds=part.grace_seconds)

    def _announce(self) -> None:
        state = {part.name: part.process.pid for part in self.parts if part.process}, self.is_ready
        if state != self.announced:
            self.announce(*state)
            self.announced = state

    def _note_order(self, _number: int, _frame: FrameType | None) -> None:
        self.stop_orders += 1


def describe(status: int) -> str:
    """Say how a process ended, from its exit status."""
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
