"""A trainer as the supervisor side sees it."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from contextlib import suppress
from typing import Final

from worker.messages import Frame

_SEND_TIMEOUT_SECONDS: Final = 30.0
_LAST_WORDS_BYTES: Final = 2000


class TrainerProcess:
    """A forked process: its channel, its output, and what became of it.

    It can be written to at once: until the fork has happened, what is sent waits in the channel.
    """

    def __init__(self, channel: socket.socket, output: int) -> None:
        self.channel: Final = channel
        self.output: Final = output
        self.pid: int | None = None
        self.status: int | None = None
        self._gone = threading.Event()
        self._sending = threading.Lock()
        channel.settimeout(_SEND_TIMEOUT_SECONDS)
        os.set_blocking(output, False)

    def send(self, frame: Frame) -> None:
        """Send one frame, from any thread. Raises OSError when the trainer is gone or does not read."""
        with self._sending:
            self.channel.sendall(frame.encode())

    def is_open(self) -> bool:
        """Whether the trainer still holds its end of the channel."""
        poll = select.poll()
        poll.register(self.channel, 0)
        return not poll.poll(0)  # nothing was asked for, so only a hang-up or an error is told

    def last_words(self) -> str:
        """What it has printed, from the beginning."""
        try:
            return os.read(self.output, _LAST_WORDS_BYTES).decode(errors="replace")
        except BlockingIOError:
            return ""

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for its end; whether it has come. `status` is then its exit code, or None where nobody saw it."""
        return self._gone.wait(timeout_seconds)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it alone, unless it is known to be gone."""
        if self.pid is not None and not self._gone.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it and whatever it has started; one that has not been forked yet finds its channel closed."""
        if self.pid is None:
            with suppress(OSError):
                self.channel.shutdown(socket.SHUT_RDWR)
        elif not self._gone.is_set():
            for kill in (os.killpg, os.kill):  # in its first moments it leads no group yet
                with suppress(ProcessLookupError):
                    kill(self.pid, signal.SIGKILL)

    def ended(self, status: int | None) -> None:
        """Note its exit code: negative for a signal, None when its template died before it could say."""
        self.status = status
        self._gone.set()

    def close(self) -> None:
        """Close this end of both pipes: a trainer that still lives exits."""
        self.channel.close()
        os.close(self.output)
