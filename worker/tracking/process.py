"""The child process that speaks to a tracker, as its feeder sees it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from worker.messages import Decoder, Frame, FrameError

COMMAND: Final = (sys.executable, "-m", "worker.tracking.child")
_ROOT: Final = Path(__file__).resolve().parents[2]
_SETTINGS_PREFIX: Final = "TRAINYARD_"
_RECEIVE_BYTES: Final = 1 << 16
_EXIT_SECONDS: Final = 5.0


class TrackerFailed(Exception):
    """The tracker did not take something, or did not answer in time; it may do so later."""


class TrackerRefused(Exception):
    """The tracker will never take anything here: its library is not installed."""


class TrackerProcess:
    """One life of the child: questions, each answered in time or failed."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self._process = process
        self._channel = channel
        self._decoder = Decoder()

    def ask(self, frame: Frame, *, timeout_seconds: float) -> Frame:
        """Send a frame and wait for the answer. Raises TrackerFailed, and TrackerRefused."""
        deadline = time.monotonic() + timeout_seconds
        try:
            self._channel.settimeout(max(timeout_seconds, 0.01))
            self._channel.sendall(frame.encode())
            answer = self._answer(deadline)
        except TimeoutError as error:
            raise TrackerFailed(f"no answer within {timeout_seconds:.3g} s") from error
        except (OSError, FrameError) as error:
            raise TrackerFailed("its process ended unexpectedly") from error
        if answer.kind == "refused":
            raise TrackerRefused(answer.fields["message"])
        if answer.kind == "failed":
            raise TrackerFailed(answer.fields["message"])
        return answer

    def kill(self) -> None:
        """End it, and whatever its library has started, from any thread."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Have it exit: it does by itself after its last answer, and is killed where it does not."""
        self._channel.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_SECONDS)
        self.kill()
        self._process.wait()

    def _answer(self, deadline: float) -> Frame:
        while True:
            self._channel.settimeout(max(deadline - time.monotonic(), 0.001))
            data = self._channel.recv(_RECEIVE_BYTES)
            if not data:
                raise ConnectionResetError
            for frame in self._decoder.feed(data):
                return frame


@contextmanager
def started(tracker: str, *, folder: Path, command: Sequence[str] = COMMAND) -> Iterator[TrackerProcess]:
    """A child for a tracker, working in a folder of its own; it is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(
            [*command, tracker, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        ours.close()
        raise TrackerFailed(f"its process cannot be started: {error}") from error
    finally:
        theirs.close()
    child = TrackerProcess(process, ours)
    try:
        yield child
    finally:
        child.close()


def _environment() -> dict[str, str]:
    """This process's environment, which holds the trackers' credentials, without the service's own secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_PREFIX)}
    paths = [str(_ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}
