"""A folder as an artifact store: on one machine, or mounted by all of them."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from models.artifacts.interface import Copy, Entry, Watch
from models.artifacts.keys import parts_of
from models.errors import NotFound, Unavailable

_BLOCK_BYTES: Final = 1 << 18


class LocalStore:
    """A folder on this machine."""

    shares_disk: Final = True

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def __str__(self) -> str:
        return str(self._root)

    def path(self, key: str) -> Path:
        """Where a key's content is, or is to be. Raises ValueError for what is not a key."""
        return self._root.joinpath(*parts_of(key))

    def workspace(self, key: str) -> Path:
        """See `ArtifactStore.workspace`: the very place where it stays."""
        return self.path(key)

    def size(self, key: str) -> int:
        """See `ArtifactStore.size`."""
        try:
            return self.path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _gone(key) from error

    def read(self, key: str, *, start: int, num_bytes: int) -> Iterator[bytes]:
        """See `ArtifactStore.read`."""
        try:
            file = self.path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise _gone(key) from error
        with file:
            file.seek(start)
            while num_bytes > 0 and (block := file.read(min(_BLOCK_BYTES, num_bytes))):
                num_bytes -= len(block)
                yield block

    def put(self, source: Path, key: str) -> None:
        """See `ArtifactStore.put`. A file of the same disk is linked, not copied."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            return
        temporary = target.with_name(f".tmp-{target.name[:64]}-{secrets.token_hex(4)}")
        try:
            _link_or_copy(source, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)

    def fetch(self, key: str, *, sha256: str, watch: Watch | None = None) -> Copy:  # noqa: ARG002  nothing is copied
        """See `ArtifactStore.fetch`."""
        return Copy(self.path(key))

    def fetch_checkpoint(
        self,
        location: str,
        *,
        manifest_sha256: str,  # noqa: ARG002  whoever loads it looks
        only: Collection[str] | None = None,  # noqa: ARG002
        watch: Watch | None = None,  # noqa: ARG002
    ) -> Copy:
        """See `ArtifactStore.fetch_checkpoint`."""
        return Copy(self.path(location))

    def link(self, key: str, *, seconds: float) -> str | None:  # noqa: ARG002  files have no address
        """See `ArtifactStore.link`."""
        return None

    def delete(self, key: str) -> None:
        """See `ArtifactStore.delete`."""
        path = self._root.joinpath(*parts_of(key, may_be_hidden=True))
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def walk(self, key: str) -> Iterator[Entry]:
        """See `ArtifactStore.walk`."""
        return self._walk(self.path(key), key, now=time.time())

    def _walk(self, folder: Path, key: str, *, now: float) -> Iterator[Entry]:
        try:
            paths = sorted(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return
        for path in paths:
            with suppress(FileNotFoundError):  # deleted meanwhile
                age = now - path.stat().st_mtime
                if not path.is_dir():
                    yield Entry(f"{key}/{path.name}", age)
                elif any(path.iterdir()):
                    yield from self._walk(path, f"{key}/{path.name}", now=now)
                else:
                    yield Entry(f"{key}/{path.name}", age)

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


def _gone(key: str) -> NotFound:
    return NotFound(f"The file {key} is gone.", code="artifact_gone")


def _link_or_copy(source: Path, target: Path) -> None:
    """The same content under another name, synced."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
