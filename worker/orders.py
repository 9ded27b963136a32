"""The trainer's ear: a thread that hears orders while training goes on, and ends the process when nobody is left."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from typing import Final

from worker.exits import Exit
from worker.messages import Decoder, Frame, FrameError

_RECEIVE_BYTES: Final = 1 << 16


class Channel:
    """The trainer's end of the channel: frames one by one at first, then orders in the background."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection: Final = connection
        self._order: str | None = None
        self._frames = self._receive()

    def next(self) -> Frame:
        """The next frame; ends the process when the supervisor is gone."""
        frame = next(self._frames, None)
        if frame is None:
            os._exit(Exit.ORPHANED)
        return frame

    def take(self) -> str | None:
        """The order that stands; asked at every step boundary."""
        return self._order

    def put(self, order: str) -> None:
        """Give an order; the last one stands, but nothing takes a cancellation back."""
        if self._order != "cancel":
            self._order = order

    def listen(self) -> None:
        """Hear orders from now on, in a thread."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def _listen(self) -> None:
        while True:
            frame = self.next()
            if frame.kind == "order":
                self.put(frame.fields["order"])

    def _receive(self) -> Iterator[Frame]:
        decoder = Decoder()
        try:
            while data := self.connection.recv(_RECEIVE_BYTES):
                yield from decoder.feed(data)
        except (OSError, FrameError):
            return
