"""A forked process that answers questions, as the thread that asks it sees it."""

from __future__ import annotations

import logging
import os
import select
import time
from contextlib import suppress
from typing import Any, Final

from worker.messages import Decoder, Frame, FrameError
from worker.processes import TrainerProcess

log = logging.getLogger(__name__)

_RECEIVE_BYTES: Final = 1 << 16


class ProcessGone(Exception):
    """The process has died, or says what is no frame."""


class Asked:
    """One process, asked one question at a time."""

    def __init__(self, process: TrainerProcess) -> None:
        self.process: Final = process
        self._decoder = Decoder()

    def ask(self, question: Frame, *, timeout_seconds: float) -> dict[str, Any]:
        """The answer's document. Raises ProcessGone, and TimeoutError when there is none in time."""
        try:
            self.process.send(question)
            answer = self._next(time.monotonic() + timeout_seconds)
        except (OSError, FrameError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise ProcessGone(f"{error} {self.said()}") from error
        if said := self.said():
            log.warning("the process that answers says: %s", said)
        return dict(answer.fields["document"])

    def said(self) -> str:
        """What the process has printed since the last time; a full pipe would stop it."""
        pieces = []
        with suppress(BlockingIOError):
            while piece := os.read(self.process.output, _RECEIVE_BYTES):
                pieces.append(piece)
        return b"".join(pieces).decode(errors="replace").strip()[-4000:]

    def close(self) -> None:
        """Kill the process and forget it."""
        self.process.kill()
        self.process.close()

    def _next(self, deadline: float) -> Frame:
        poll = select.poll()
        poll.register(self.process.channel, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError("no answer")
            data = self.process.channel.recv(_RECEIVE_BYTES)
            if not data:
                raise ConnectionResetError("it has closed its channel.")
            for frame in self._decoder.feed(data):
                return frame
