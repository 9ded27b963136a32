"""When a key was last used: noted per request in memory, written down by a sweep, so that no request waits for it."""

from __future__ import annotations

import threading

from models import keys
from models.database import Database


class KeyUsage:
    """The keys that have been used since the last sweep."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def note(self, key_id: str) -> None:
        """This key has just been used."""
        with self._lock:
            self._used.add(key_id)

    def write(self) -> None:
        """Write down what was noted. Raises Unavailable, and keeps nothing then: the next use notes it again."""
        with self._lock:
            used, self._used = self._used, set()
        if used:
            with self._database.unit_of_work() as connection:
                for key_id in sorted(used):
                    keys.touch(connection, key_id=key_id)
