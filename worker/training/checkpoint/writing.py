"""Making a snapshot durable, so that a crash at any moment leaves the old state or the new one, never half of either.

.tmp-<step>-<random>/  every file written, then every file synced
                       manifest.json with sizes and digests, written last and synced; the folder synced
rename to <step>/      the folder above synced: now it is there for good

The disk begins with a file as soon as it is written, and all are waited for together.

Where <step>/ is there already it is renamed to <step>.old/ first, and removed once the new one is there for good. A
crash between the two renames leaves <step>.old/ alone: whoever looks for <step>/ finds it there (`standing`).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

from worker.training.callbacks import SavedCheckpoint, SavedFile
from worker.training.checkpoint.background import Abandoned
from worker.training.checkpoint.encoding import Piece, encoded
from worker.training.checkpoint.snapshot import Snapshot

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "weights.safetensors"
OPTIMIZER: Final = "optimizer.safetensors"
BEST: Final = "best.safetensors"
RAW: Final = "raw.safetensors"
GOLDEN: Final = "golden.safetensors"
STATE: Final = "state.json"
TEMPORARY: Final = ".tmp-"
ASIDE: Final = ".old"
#: Smaller files are hashed sooner than a thread is started.
_LARGE_BYTES: Final = 1 << 20
#: As much of a file as the disk is told to begin with before the rest is there.
_EARLY_BYTES: Final = 8 << 20


def save(
    directory: Path,
    snapshot: Snapshot,
    *,
    kinds: frozenset[str],
    metrics: Mapping[str, float],
    facts: Mapping[str, Any],
    on_sign: Callable[[], None] = lambda: None,
) -> SavedCheckpoint:
    """Write a snapshot to `<directory>/<step>` and return once it is durable.

    `facts` go into the manifest beside the files; `on_sign` hears of every piece that is written, and may raise
    Abandoned. Raises OSError when anything could not be written or synced; then, and where it is abandoned, no trace of
    this checkpoint is left, and an older one of the same step is as it was.
    """
    temporary = directory / f"{TEMPORARY}{snapshot.step}-{secrets.token_hex(4)}"
    temporary.mkdir(parents=True)
    contents = [_Content(name, pieces) for name, pieces in _contents(snapshot)]
    try:
        with ExitStack() as opened:
            for file in [_write(content, temporary, opened, on_sign=on_sign) for content in contents]:
                os.fsync(file.fileno())
                on_sign()
            files = [content.described() for content in contents]
            manifest = {"format": FORMAT, "step": snapshot.step, "epoch": snapshot.epoch, **facts}
            manifest["files"] = {file.name: {"bytes": file.bytes, "sha256": file.sha256} for file in files}
            last = _Content(MANIFEST, [_json(manifest)])
            os.fsync(_write(last, temporary, opened).fileno())
        sync_directory(temporary)
        path = _put_in_place(temporary, directory / str(snapshot.step))
    except (OSError, Abandoned):
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sealed = last.described()
    return SavedCheckpoint(snapshot.step, snapshot.epoch, kinds, dict(metrics), [*files, sealed], path, sealed.sha256)


def _contents(snapshot: Snapshot) -> Iterator[tuple[str, Sequence[Piece]]]:
    """The files by name, in pieces."""
    if snapshot.raw:
        yield RAW, encoded(snapshot.raw)
    if snapshot.best:
        yield BEST, encoded(snapshot.best)
    if snapshot.golden:
        yield GOLDEN, encoded(snapshot.golden)
    if snapshot.optimizer:
        yield OPTIMIZER, encoded(snapshot.optimizer)
    yield STATE, [_json(snapshot.state)]
    yield WEIGHTS, encoded(snapshot.weights, metadata={"format": "pt"})


class _Content:
    """What a file is to hold. Where it is large its digest is computed while it is written."""

    def __init__(self, name: str, pieces: Sequence[Piece]) -> None:
        self.name = name
        self.pieces = pieces
        self._bytes = sum(memoryview(piece).nbytes for piece in pieces)
        self._sha256 = hashlib.sha256()
        self._thread = threading.Thread(target=self._hash, name=f"digest of {name}", daemon=True)
        if self._bytes >= _LARGE_BYTES:
            self._thread.start()
        else:
            self._hash()

    def described(self) -> SavedFile:
        """The file, once its digest is known."""
        if self._thread.ident is not None:
            self._thread.join()
        return SavedFile(self.name, self._bytes, self._sha256.hexdigest())

    def _hash(self) -> None:
        for piece in self.pieces:
            self._sha256.update(piece)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def _write(
    content: _Content, folder: Path, opened: ExitStack, *, on_sign: Callable[[], None] = lambda: None
) -> BinaryIO:
    """Write a file and have the disk begin with it; answers it open, to be synced."""
    begun, end = 0, 0
    file = opened.enter_context((folder / content.name).open("xb"))
    for piece in content.pieces:
        file.write(piece)
        on_sign()
        end += memoryview(piece).nbytes
        if end - begun >= _EARLY_BYTES:
            file.flush()
            _begin_to_sync(file.fileno(), begun, end)
            begun = end
    file.flush()
    _begin_to_sync(file.fileno(), begun, end)
    return file


def _begin_to_sync(descriptor: int, start: int, end: int) -> None:
    """Have the disk begin with some bytes while the next ones are copied, so that less is left for the sync."""
    if sys.platform == "linux":  # which takes the advice that they will not be read soon for a wish to have them gone
        os.posix_fadvise(descriptor, start, end - start, os.POSIX_FADV_DONTNEED)


def _put_in_place(temporary: Path, path: Path) -> Path:
    """Rename into place. A folder that is there already, from a run that was ended after this step, makes room."""
    aside = path.with_name(path.name + ASIDE)
    if path.exists():
        shutil.rmtree(aside, ignore_errors=True)  # of a crash behind an earlier replacement
        path.rename(aside)
    try:
        temporary.rename(path)
        sync_directory(path.parent)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        if aside.exists():
            aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)
    return path


def standing(path: Path) -> Path:
    """Where a checkpoint folder is: its own place, or aside, where a crash amid its replacement has left it."""
    aside = path.with_name(path.name + ASIDE)
    return aside if aside.is_dir() and not path.exists() else path


def sync_directory(path: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
