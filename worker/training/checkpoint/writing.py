"""Making a snapshot durable, so that a crash at any moment leaves the old state or the new one, never half of either.

.tmp-<step>-<random>/  every file written and synced
                       manifest.json with sizes and digests, written last and synced; the folder synced
rename to <step>/      the folder above synced: now it is there for good

Where <step>/ is there already it is renamed to <step>.old/ first, and removed once the new one is there for good. A
crash between the two renames leaves <step>.old/ alone: whoever looks for <step>/ finds it there (`standing`).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import safetensors.torch

from worker.training.callbacks import SavedCheckpoint, SavedFile
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

    `facts` go into the manifest beside the files; `on_sign` hears of every file that is done. Raises OSError when
    anything could not be written or synced; then no trace of this checkpoint is left, and an older one of the same
    step is as it was.
    """
    temporary = directory / f"{TEMPORARY}{snapshot.step}-{secrets.token_hex(4)}"
    temporary.mkdir(parents=True)
    try:
        files = []
        for name, content in _contents(snapshot):
            files.append(_write(temporary / name, content))
            on_sign()
        manifest = {"format": FORMAT, "step": snapshot.step, "epoch": snapshot.epoch, **facts}
        manifest["files"] = {file.name: {"bytes": file.bytes, "sha256": file.sha256} for file in files}
        sealed = _write(temporary / MANIFEST, _json(manifest))
        sync_directory(temporary)
        path = _put_in_place(temporary, directory / str(snapshot.step))
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return SavedCheckpoint(snapshot.step, snapshot.epoch, kinds, dict(metrics), [*files, sealed], path, sealed.sha256)


def _contents(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    """The files by name, each made when it is asked for: one at a time is in memory."""
    if snapshot.raw:
        yield RAW, safetensors.torch.save(snapshot.raw)
    if snapshot.best:
        yield BEST, safetensors.torch.save(snapshot.best)
    if snapshot.golden:
        yield GOLDEN, safetensors.torch.save(snapshot.golden)
    if snapshot.optimizer:
        yield OPTIMIZER, safetensors.torch.save(snapshot.optimizer)
    yield STATE, _json(snapshot.state)
    yield WEIGHTS, safetensors.torch.save(snapshot.weights, metadata={"format": "pt"})


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def _write(path: Path, content: bytes) -> SavedFile:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return SavedFile(path.name, len(content), hashlib.sha256(content).hexdigest())


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
