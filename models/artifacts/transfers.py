"""Bytes on their way between an object store and this machine's disk, by pieces and with a digest over all of them."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from models.artifacts.failures import Damaged
from models.artifacts.interface import Watch
from models.errors import Unavailable

#: A piece is what is asked for at once; a few are under way at the same time.
PIECE_BYTES: Final = 8 << 20
_PIECES_AT_ONCE: Final = 4
#: No more pieces than this are read before one is stored.
_READ_AHEAD: Final = 2 * _PIECES_AT_ONCE
_TRIES: Final = 2

T = TypeVar("T")

#: Answers the bytes from one offset to another. Raises `Unavailable` and `NotFound`.
GetPiece = Callable[[int, int], bytes]


def download(get: GetPiece, target: Path, *, num_bytes: int, sha256: str, watch: Watch) -> None:
    """Have a file here, whole and durable, or not at all; what an earlier try has left of it is gone on from.

    Raises `Damaged` where it is not what its digest says, looked at twice, and OSError where the disk has no room.
    """
    part = target.with_name(f"{target.name}.part")
    for _ in range(_TRIES):
        with part.open("r+b" if part.exists() else "w+b") as file:
            if _complete(get, file, num_bytes=num_bytes, watch=watch) == sha256:
                os.fsync(file.fileno())
                part.replace(target)
                return
        part.unlink()
    raise Damaged(f"The file {target.name} in the artifact store has other content than its digest says.")


def blocks(source: BinaryIO, *, sha256: str, watch: Watch) -> Iterator[bytes]:
    """The pieces of a file that is sent; raises ValueError in place of its end where it is not what its digest says."""
    digest = hashlib.sha256()
    num_read = 0
    while block := source.read(PIECE_BYTES):
        digest.update(block)
        num_read += 1
        # What is read ahead has not gone over: a store that refuses every try would look alive.
        watch.sign() if num_read > _READ_AHEAD else watch.look()
        yield block
    if digest.hexdigest() != sha256:
        raise ValueError("the file has other content than its digest says")


def patiently(ask: Callable[[], T], watch: Watch) -> T:
    """What is asked for, asked again for as long as those who look on have patience."""
    while True:
        try:
            return ask()
        except Unavailable as error:
            watch.trouble(error)


def _complete(get: GetPiece, file: BinaryIO, *, num_bytes: int, watch: Watch) -> str:
    """Append what is missing; the digest of all."""
    digest = hashlib.sha256()
    while block := file.read(PIECE_BYTES):
        digest.update(block)
        watch.sign()
    for piece in _pieces(get, start=file.tell(), end=num_bytes, watch=watch):
        file.write(piece)
        digest.update(piece)
        watch.sign()
    return digest.hexdigest()


def _pieces(get: GetPiece, *, start: int, end: int, watch: Watch) -> Iterator[bytes]:
    """The pieces in order, some of them asked for ahead."""
    offsets = iter(range(start, end, PIECE_BYTES))
    asked: deque[tuple[int, Future[bytes]]] = deque()
    with ThreadPoolExecutor(_PIECES_AT_ONCE, thread_name_prefix="pieces") as pool:

        def ask_ahead() -> None:
            while len(asked) < _PIECES_AT_ONCE and (offset := next(offsets, None)) is not None:
                asked.append((offset, pool.submit(get, offset, min(offset + PIECE_BYTES, end))))

        ask_ahead()
        while asked:
            offset, answer = asked.popleft()
            try:
                piece = answer.result()
            except Unavailable as error:
                watch.trouble(error)
                piece = patiently(partial(get, offset, min(offset + PIECE_BYTES, end)), watch)
            yield piece
            ask_ahead()
