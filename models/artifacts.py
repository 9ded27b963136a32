"""The artifact store: datasets in, checkpoints out, addressed by keys such as `datasets/<sha256>` and
`jobs/<job>/<attempt>/<step>`.

A local folder, behind an interface narrow enough for an object store. Keys are made by the service, never by clients,
and are checked all the same: each part is letters, digits, `.`, `_` or `-`, and none starts with a dot.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from models.errors import NotFound, Unavailable

_PART: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
#: What may be deleted has also been made by trainers, who hide what is not finished.
_STORED_PART: Final = re.compile(r"(\.tmp-)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_BLOCK_BYTES: Final = 1 << 18


class Child(NamedTuple):
    """Something below a key, and the time since it was last changed."""

    name: str
    age_seconds: float


class ArtifactStore(Protocol):
    """What the API and the workers need of a place to keep files."""

    def path(self, key: str) -> Path:
        """A local path where the key's content is, or is to be written. Raises ValueError for what is not a key."""

    def size(self, key: str) -> int:
        """The bytes under a key. Raises `NotFound`."""

    def read(self, key: str, *, start: int, num_bytes: int) -> Iterator[bytes]:
        """A range of the bytes under a key, in blocks. Raises `NotFound`."""

    def adopt(self, source: Path, key: str) -> None:
        """Move a local file into the store, durably; where the key is taken, by equal content, drop the source."""

    def delete(self, key: str) -> None:
        """Delete what is under a key, file or folder; nothing there is no error."""

    def children(self, key: str) -> list[Child]:
        """What lies directly below a key, unfinished things included; nothing below what is no folder."""

    def check(self) -> None:
        """Raises `Unavailable` where nothing can be stored now."""


class LocalStore:
    """A folder on this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        """See `ArtifactStore.path`."""
        return self._path(key, part=_PART)

    def _path(self, key: str, *, part: re.Pattern[str]) -> Path:
        parts = key.split("/")
        if not all(part.fullmatch(word) for word in parts):
            raise ValueError(f"not an artifact key: {key!r}")
        return self._root.joinpath(*parts)

    def size(self, key: str) -> int:
        """See `ArtifactStore.size`."""
        try:
            return self.path(key).stat().st_size
        except FileNotFoundError as error:
            raise NotFound(f"The file {key} is gone.", code="artifact_gone") from error

    def read(self, key: str, *, start: int, num_bytes: int) -> Iterator[bytes]:
        """See `ArtifactStore.read`."""
        try:
            file = self.path(key).open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"The file {key} is gone.", code="artifact_gone") from error
        with file:
            file.seek(start)
            while num_bytes > 0 and (block := file.read(min(_BLOCK_BYTES, num_bytes))):
                num_bytes -= len(block)
                yield block

    def adopt(self, source: Path, key: str) -> None:
        """See `ArtifactStore.adopt`."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            source.unlink()
            return
        with source.open("rb") as file:
            os.fsync(file.fileno())
        source.replace(target)
        _sync_folder(target.parent)

    def delete(self, key: str) -> None:
        """See `ArtifactStore.delete`."""
        path = self._path(key, part=_STORED_PART)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def children(self, key: str) -> list[Child]:
        """See `ArtifactStore.children`."""
        now = time.time()
        found = []
        with suppress(FileNotFoundError, NotADirectoryError):
            for path in self.path(key).iterdir():
                with suppress(FileNotFoundError):  # deleted meanwhile
                    found.append(Child(path.name, now - path.stat().st_mtime))
        return found

    def check(self) -> None:
        """See `ArtifactStore.check`: a few bytes are written and deleted."""
        probe = self._root / f".probe-{secrets.token_hex(4)}"
        try:
            try:
                probe.write_bytes(b"ok")
            finally:
                probe.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable("The artifact folder cannot be written.", code="storage_refused") from error


def open_store(url: str) -> ArtifactStore:
    """The store at a folder or `file://` URL. Raises ValueError for a scheme that this version does not speak."""
    if url.startswith("file://"):
        return LocalStore(Path(url.removeprefix("file://")))
    if "://" in url:
        raise ValueError(f"TRAINYARD_ARTIFACTS_URL must be a folder or a file:// URL, not {url.split('://', 1)[0]}://")
    return LocalStore(Path(url))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
