"""A thread that looks for what waits in the database, at a nudge or once in a while, and outlives what goes wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from models.errors import Unavailable
from worker.spares import NoTemplate

log = logging.getLogger(__name__)

#: How long what waits waits where its nudge was lost.
LOOK_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.2


class Lookout:
    """Does what waits until nothing does, and looks again."""

    def __init__(self, name: str, work: Callable[[], bool], *, nudge: str) -> None:
        """`work` does the oldest of it and answers whether there was any. `nudge` is the message that tells of more."""
        self.closing: Final = threading.Event()
        self._name = name
        self._work = work
        self._nudge = nudge
        self._bell = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def nudge(self, message: str) -> None:
        """Look now, if the message tells of something to do here."""
        if message == self._nudge:
            self._bell.set()

    def close(self) -> None:
        """Begin nothing more."""
        self.closing.set()
        self._bell.set()

    def has_ended(self, *, within_seconds: float) -> bool:
        """Wait for what was begun; whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(within_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self.closing.is_set():
            try:
                while not self.closing.is_set() and self._work():
                    continue
            except NoTemplate:
                self.closing.wait(RETRY_SECONDS)  # it warms up: what waits is there still
                continue
            except Unavailable:
                log.debug("the database does not answer; %s wait", self._name)
            except Exception:  # without this thread everything that waits would run into its deadline
                log.exception("%s: looking again after a failure", self._name)
            self._bell.wait(LOOK_SECONDS)
            self._bell.clear()
