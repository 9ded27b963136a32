"""A thread that writes while training goes on: one piece of work at a time, and no failure of it is lost."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Final

#: The step that is computed meanwhile goes first where processors are scarce.
_NICER: Final = 5


class Abandoned(Exception):
    """The work is not wanted any more."""


class Background:
    """Does one piece of work at a time in a thread. All methods belong to the thread that trains."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._is_abandoned = threading.Event()

    def begin(self, work: Callable[[], None], *, hurries: bool = False) -> None:
        """Start on something, once what was begun before is done. Raises what that has failed with.

        What `hurries` is soon waited for, and has the priority of whoever will.
        """
        self.settle()
        self._thread = threading.Thread(
            target=self._do, args=(work,), kwargs={"hurries": hurries}, name="checkpoint", daemon=True
        )
        self._thread.start()

    def check(self) -> None:
        """Raise what the work has failed with, if it has; does not wait."""
        if self._failure is not None:
            self.settle()

    def settle(self) -> None:
        """Wait until the work is done. Raises what it has failed with, once."""
        if self._thread is not None:
            self._thread.join()
        failure, self._thread, self._failure = self._failure, None, None
        if failure is not None:
            raise failure

    def abandon(self) -> None:
        """Have the work end at the next `go_on`, and wait for that."""
        self._is_abandoned.set()
        if self._thread is not None:
            self._thread.join()

    def go_on(self) -> None:
        """Asked by the work from time to time. Raises Abandoned where it is not wanted any more."""
        if self._is_abandoned.is_set():
            raise Abandoned

    def _do(self, work: Callable[[], None], *, hurries: bool) -> None:
        if sys.platform == "linux" and not hurries:  # where a thread has a niceness of its own
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICER)
        try:
            work()
        except Abandoned:
            return
        except BaseException as failure:  # noqa: BLE001  raised where training hears of it
            self._failure = failure
