"""Run folders that a tracker writes on this worker's disk, carried to an object store once the job is over.

Where the store is a folder that all share, the run folder lies beside the job's checkpoints already.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.artifacts import ArtifactStore, is_remote

if TYPE_CHECKING:
    from models.artifacts.objects import ObjectStore

#: What a library notes for its own developers, of this machine and its paths.
_LOGS: Final = "logs"


def keeper(store: ArtifactStore, key: str, *, settings: dict[str, Any]) -> Callable[[], None] | None:
    """What makes a finished run last that would only be on this disk; None where there is nothing to do."""
    if settings.get("mode") != "offline" or not is_remote(store):
        return None
    return lambda: carry(store, key)


def carry(store: ObjectStore, key: str) -> None:
    """Store the run folder, in place of what an earlier attempt left there, and delete it here. Raises Unavailable."""
    folder = store.workspace(key)
    store.delete(key)
    for path in _files(folder):
        store.put(path, f"{key}/{path.relative_to(folder).as_posix()}")
    shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*/*-run-*/**/*")):
        if path.is_file() and not path.is_symlink() and _LOGS not in path.relative_to(folder).parts:
            yield path
