"""What this machine has of an object store: entries by content, the longest unused ones deleted when room is needed.

Processes of one machine share a cache by file locks alone. Whoever needs an entry holds it shared, whoever fills it
holds a second lock alone, and whoever deletes it must get the first one for itself: what is in use stays.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from models.artifacts.interface import Watch
from models.artifacts.keys import is_part

_USE: Final = ".use"
_FILL: Final = ".fill"
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Held:
    """An entry that stays while it is held: a folder, by name."""

    folder: Path
    _lock: IO[bytes]

    def release(self) -> None:
        """Let others delete it."""
        self._lock.close()

    @contextmanager
    def filling(self, watch: Watch) -> Iterator[None]:
        """Be the only one who writes into it; whoever waits for that gives signs meanwhile."""
        with (self.folder / _FILL).open("ab") as lock:
            while not _taken(lock, fcntl.LOCK_EX):
                watch.sign()
                time.sleep(_POLL_SECONDS)
            yield


class Cache:
    """A folder that keeps within `max_bytes`, unless what is in use takes more."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        folder.mkdir(parents=True, exist_ok=True)

    def hold(self, name: str) -> Held:
        """Hold an entry, made empty where there is none. Raises ValueError for what is no plain name."""
        if not is_part(name):
            raise ValueError(f"not a name of an entry: {name!r}")
        folder = self._folder / name
        while True:
            folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # deleted since it was made
                lock = (folder / _USE).open("ab")
                fcntl.flock(lock, fcntl.LOCK_SH)
                if _is_at(lock, folder / _USE):
                    os.utime(folder / _USE)
                    return Held(folder, lock)
                lock.close()

    def make_room(self, num_bytes: int) -> None:
        """Delete what has been unused for longest until so many bytes more fit, or all that is left is in use."""
        entries = sorted(self._entries())
        kept = sum(size for _, size, _ in entries)
        for _, size, folder in entries:
            if kept + num_bytes <= self._max_bytes:
                return
            if self._delete(folder):
                kept -= size

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """When each entry was last taken, its bytes, and where it is."""
        for folder in self._folder.iterdir():
            with suppress(FileNotFoundError, NotADirectoryError):
                yield (folder / _USE).stat().st_mtime, _num_bytes(folder), folder

    def _delete(self, folder: Path) -> bool:
        """Delete an entry that nobody holds; whether it is gone."""
        try:
            lock = (folder / _USE).open("rb")
        except FileNotFoundError:
            return True
        with lock:
            if not _taken(lock, fcntl.LOCK_EX):
                return False
            if _is_at(lock, folder / _USE):
                shutil.rmtree(folder, ignore_errors=True)
            return True


def _taken(lock: IO[bytes], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(lock: IO[bytes], path: Path) -> bool:
    """Whether the file that was locked is the one that stands there now."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _num_bytes(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            found += path.stat().st_size if path.is_file() else 0
    return found
