"""File operations that are counted, and of which one is the last: killed there, or failing as a broken disk does.

`striking` replaces what Python's file operations end in, in this process; to be killed is for a forked child. A write
that is struck has half of its bytes written. With `power_is_lost` whatever was not synced when the child dies is lost
as well, as behind a power cut: bytes of files, and renames whose folder was not synced.
"""

import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KILL = 0
_KINDS = ("fsync", "rename", "mkdir", "unlink", "rmdir")


@dataclass
class Strike:
    """Counts operations and strikes the one numbered `at`, from 1. `error` is an errno, or KILL."""

    at: int
    error: int = KILL
    power_is_lost: bool = False
    num_operations: int = 0
    unsynced: dict[int, int] = field(default_factory=dict)  # descriptors of our own, by inode
    renames: list[tuple[str, str]] = field(default_factory=list)

    def before(self, operation: Callable[[], object] = lambda: None) -> None:
        """An operation is about to happen; `operation` is what a struck one still does."""
        self.num_operations += 1
        if self.num_operations != self.at:
            return
        operation()
        if self.error != KILL:
            raise OSError(self.error, os.strerror(self.error))
        if self.power_is_lost:
            self._lose()
        os.kill(os.getpid(), signal.SIGKILL)

    def wrote(self, descriptor: int) -> None:
        """Bytes went into a file and are not durable."""
        self.unsynced.setdefault(os.fstat(descriptor).st_ino, os.dup(descriptor))

    def synced(self, descriptor: int) -> None:
        """What this descriptor stands for is durable: a file's bytes, or a folder's entries."""
        inode = os.fstat(descriptor).st_ino
        self.unsynced.pop(inode, None)
        self.renames = [pair for pair in self.renames if Path(pair[1]).parent.stat().st_ino != inode]

    def _lose(self) -> None:
        for descriptor in self.unsynced.values():
            os.ftruncate(descriptor, 0)
        for source, target in reversed(self.renames):
            with suppress(OSError):
                RENAME(target, source)


RENAME = os.rename


class _File(io.BufferedIOBase):
    """A file whose writes are counted."""

    def __init__(self, raw: Any, strike: Strike) -> None:
        self._raw = raw
        self._strike = strike

    def write(self, data: Any) -> int:
        def half() -> None:
            self._raw.write(data[: len(data) // 2])
            self._raw.flush()

        self._strike.wrote(self.fileno())
        self._strike.before(half)
        return int(self._raw.write(data))

    def flush(self) -> None:
        if not self._raw.closed:
            self._raw.flush()

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def close(self) -> None:
        self._raw.close()


@contextmanager
def striking(strike: Strike) -> Iterator[None]:
    """Have every file operation of this process counted while the block runs."""
    opened = io.open
    originals = {name: getattr(os, name) for name in _KINDS}

    def counted(name: str) -> Callable[..., Any]:
        def operate(*words: Any, **named: Any) -> Any:
            strike.before()
            answer = originals[name](*words, **named)
            if name == "fsync":
                strike.synced(words[0])
            elif name == "rename":
                strike.renames.append((str(words[0]), str(words[1])))
            return answer

        return operate

    def open_counted(file: Any, mode: str = "r", *words: Any, **named: Any) -> Any:
        if "x" not in mode and "w" not in mode:
            return opened(file, mode, *words, **named)
        strike.before()
        return _File(opened(file, mode, *words, **named), strike)

    io.open = open_counted
    for name in _KINDS:
        setattr(os, name, counted(name))
    try:
        yield
    finally:
        io.open = opened
        for name, original in originals.items():
            setattr(os, name, original)


def is_killed(action: Callable[[], object], strike: Strike) -> bool:
    """Run something in a fork that is struck; whether it was killed, or lived to its end."""
    pid = os.fork()
    if pid == 0:
        try:
            with striking(strike):
                action()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    return {0: False, -signal.SIGKILL: True}[os.waitstatus_to_exitcode(status)]
