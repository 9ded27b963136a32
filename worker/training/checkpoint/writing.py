"""Making a snapshot durable, so that a crash at any moment leaves the old state or the new one, never half of either.

.tmp-<step>-<random>/  every file written and synced
                       manifest.json with sizes and digests, written last and synced; the folder synced
rename to <step>/      the folder above synced: now it is there for good
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
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
STATE: Final = "state.json"
TEMPORARY: Final = ".tmp-"


def save(
    directory: Path,
    snapshot: Snapshot,
    *,
    kinds: frozenset[str],
    metrics: Mapping[str, float],
    facts: Mapping[str, Any],
) -> SavedCheckpoint:
    """Write a snapshot to `<directory>/<step>` and return once it is durable.

    `facts` go into the manifest beside the files. Raises OSError when anything could not be written or synced; then no
    trace of this checkpoint is left, and an older one of the same step is untouched.
    """
    temporary = directory / f"{TEMPORARY}{snapshot.step}-{secrets.token_hex(4)}"
    temporary.mkdir(parents=True)
    try:
        files = [_write(temporary / name, content) for name, content in _contents(snapshot).items()]
        manifest = {"format": FORMAT, "step": snapshot.step, "epoch": snapshot.epoch, **facts}
        manifest["files"] = {file.name: {"bytes": file.bytes, "sha256": file.sha256} for file in files}
        sealed = _write(temporary / MANIFEST, _json(manifest))
        sync_directory(temporary)
        path = _put_in_place(temporary, directory / str(snapshot.step))
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return SavedCheckpoint(snapshot.step, snapshot.epoch, kinds, dict(metrics), [*files, sealed], path, sealed.sha256)


def _contents(snapshot: Snapshot) -> dict[str, bytes]:
    contents = {
        WEIGHTS: safetensors.torch.save(snapshot.weights, metadata={"format": "pt"}),
        STATE: _json(snapshot.state),
    }
    if snapshot.optimizer:
        contents[OPTIMIZER] = safetensors.torch.save(snapshot.optimizer)
    if snapshot.best:
        contents[BEST] = safetensors.torch.save(snapshot.best)
    return dict(sorted(contents.items()))


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
    if path.exists():
        aside = path.with_name(f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}")
        path.rename(aside)
        temporary.rename(path)
        sync_directory(path.parent)
        shutil.rmtree(aside, ignore_errors=True)
        return path
    temporary.rename(path)
    try:
        sync_directory(path.parent)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return path


def sync_directory(path: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
