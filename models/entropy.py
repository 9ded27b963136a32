"""Randomness of the operating system, fetched by the page.

Each request and each row has a few random bytes. Asking the kernel for each gives up the interpreter's lock every time,
which under load is waited for a thousand times longer than the bytes are.
"""

from __future__ import annotations

import os
import threading
from typing import Final

_PAGE_BYTES: Final = 4096

_lock = threading.Lock()
_left = b""


def random_bytes(number: int) -> bytes:
    """So many bytes, up to a page, that nobody can tell before; no two calls share one, in no two processes."""
    global _left
    with _lock:
        if len(_left) < number:
            _left = os.urandom(_PAGE_BYTES)
        taken, _left = _left[:number], _left[number:]
        return taken


def _forget() -> None:
    """A child has its parent's page, and its parent's lock as some thread held it."""
    global _left, _lock
    _left, _lock = b"", threading.Lock()


os.register_at_fork(after_in_child=_forget)
