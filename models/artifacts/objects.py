"""An S3-compatible object store, spoken to by obstore, and what this machine keeps of it.

Objects are never changed: datasets are named by their content, and a checkpoint's folder by the digest of its manifest,
which is stored last and deleted first. Whatever comes down is verified by its digest before anybody reads it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import obstore
from obstore.store import S3Store

from models.artifacts.addresses import Address
from models.artifacts.cache import Cache
from models.artifacts.failures import Damaged, speaking
from models.artifacts.interface import Copy, Entry, Watch
from models.artifacts.keys import MANIFEST, is_part, parts_of
from models.artifacts.transfers import PIECE_BYTES, blocks, download, patiently
from models.fingerprints import file_sha256

if TYPE_CHECKING:
    from obstore.store import ClientConfig

_PROBE: Final = "probe"
#: Whoever downloads slowly holds no more than this in memory.
_READ_BYTES: Final = 2 << 20
_MAX_MANIFEST_BYTES: Final = 4 << 20
#: Stores take no more parts of one object than 10,000.
_MOST_PARTS: Final = 9_000
_PARTS_AT_ONCE: Final = 4
_CLIENT: Final[ClientConfig] = {"timeout": "30s", "connect_timeout": "5s"}
_CHECKING_CLIENT: Final[ClientConfig] = {"timeout": "3s", "connect_timeout": "2s"}


class ObjectStore:
    """A bucket, or a prefix of one."""

    shares_disk: Final = False

    def __init__(self, address: Address, *, folder: Path, owner: str, cache_bytes: int) -> None:
        """`folder` is this machine's: for the cache, and for what `owner` alone, of all processes here, works on."""
        self.address: Final = address
        self._store = _opened(address, client=_CLIENT, max_retries=3, retry_seconds=15.0)
        self._checked = _opened(address, client=_CHECKING_CLIENT, max_retries=0, retry_seconds=3.0)
        self._cache = Cache(folder / "entries", max_bytes=cache_bytes)
        self._workspace = folder.joinpath("work", *parts_of(owner))

    def __str__(self) -> str:
        return str(self.address)

    def workspace(self, key: str) -> Path:
        """See `ArtifactStore.workspace`."""
        return self._workspace.joinpath(*parts_of(key))

    def clear_workspace(self) -> None:
        """Delete what an earlier life of the owner has left behind."""
        shutil.rmtree(self._workspace, ignore_errors=True)

    def size(self, key: str) -> int:
        """See `ArtifactStore.size`."""
        parts_of(key)
        with speaking(key):
            return int(obstore.head(self._store, key)["size"])

    def read(self, key: str, *, start: int, num_bytes: int) -> Iterator[bytes]:
        """See `ArtifactStore.read`. Each block is a request of its own, so that a slow reader holds no connection."""
        parts_of(key)
        end = start + num_bytes
        return (self._piece(key, at, min(at + _READ_BYTES, end)) for at in range(start, end, _READ_BYTES))

    def put(self, source: Path, key: str) -> None:
        """See `ArtifactStore.put`."""
        parts_of(key)
        with source.open("rb") as file:
            self.send(file, key, sha256=file_sha256(source))

    def send(self, source: BinaryIO, key: str, *, sha256: str, watch: Watch | None = None) -> None:
        """Store an open file; raises ValueError, and stores nothing, where it is not what its digest says."""
        parts_of(key)
        size = source.seek(0, 2)
        source.seek(0)
        pieces = _Pieces(blocks(source, sha256=sha256, watch=watch or Watch()))
        try:
            with speaking():
                if size <= PIECE_BYTES:
                    obstore.put(self._store, key, b"".join(pieces), use_multipart=False)
                else:
                    chunk = max(PIECE_BYTES, -(-size // _MOST_PARTS))
                    obstore.put(self._store, key, pieces, chunk_size=chunk, max_concurrency=_PARTS_AT_ONCE)
        finally:
            if pieces.error is not None:  # what went wrong on this side, not as the store's library tells it
                raise pieces.error

    def fetch(self, key: str, *, sha256: str, watch: Watch | None = None) -> Copy:
        """See `ArtifactStore.fetch`."""
        watch = watch or Watch()
        name = parts_of(key)[-1]
        held = self._cache.hold(f"file-{sha256}")
        with ExitStack() as stack:
            stack.callback(held.release)
            path = held.folder / name
            with held.filling(watch):
                if not path.exists():
                    self._download(key, path, sha256=sha256, watch=watch)
            stack.pop_all()
        return Copy(path, held.release)

    def fetch_checkpoint(
        self,
        location: str,
        *,
        manifest_sha256: str,
        only: Collection[str] | None = None,
        watch: Watch | None = None,
    ) -> Copy:
        """See `ArtifactStore.fetch_checkpoint`."""
        watch = watch or Watch()
        step = parts_of(location)[-1].partition("-")[0]
        held = self._cache.hold(f"checkpoint-{manifest_sha256}")
        with ExitStack() as stack:
            stack.callback(held.release)
            folder = held.folder / step
            with held.filling(watch):
                folder.mkdir(exist_ok=True)
                self._download_missing(location, folder, manifest_sha256, only=only, watch=watch)
            stack.pop_all()
        return Copy(folder, held.release)

    def keep_checkpoint(self, folder: Path, *, manifest_sha256: str) -> None:
        """Move a checkpoint that is in the store already from the workspace to what is kept of the store here."""
        held = self._cache.hold(f"checkpoint-{manifest_sha256}")
        try:
            with held.filling(Watch()):
                target = held.folder / folder.name
                if not target.exists():
                    folder.replace(target)
            self._cache.make_room(0)
        finally:
            held.release()

    def link(self, key: str, *, seconds: float) -> str | None:
        """See `ArtifactStore.link`: a presigned URL."""
        parts_of(key)
        with speaking(key):
            return str(obstore.sign(self._store, "GET", key, timedelta(seconds=seconds)))

    def delete(self, key: str) -> None:
        """See `ArtifactStore.delete`. A manifest goes first: what is left of a checkpoint is none."""
        parts_of(key, may_be_hidden=True)
        with speaking():
            below = [meta["path"] for batch in obstore.list(self._store, key) for meta in batch]
            manifests = [path for path in below if path.endswith(f"/{MANIFEST}")]
            for some in (manifests, [path for path in below if path not in set(manifests)] or [key]):
                if some:
                    obstore.delete(self._store, some)

    def walk(self, key: str) -> Iterator[Entry]:
        """See `ArtifactStore.walk`. Ages are counted on the store's own clock."""
        parts_of(key)
        with speaking():
            obstore.put(self._store, _PROBE, b"ok", use_multipart=False)
            skew = obstore.head(self._store, _PROBE)["last_modified"].timestamp() - time.time()
            for batch in obstore.list(self._store, key):
                for meta in batch:
                    yield Entry(meta["path"], time.time() + skew - meta["last_modified"].timestamp())

    def check(self) -> None:
        """See `ArtifactStore.check`. Nothing is asked twice: an answer that takes seconds is none."""
        with speaking():
            obstore.put(self._checked, _PROBE, b"ok", use_multipart=False)
            obstore.get_range(self._checked, _PROBE, start=0, length=2)

    def _piece(self, key: str, start: int, end: int) -> bytes:
        with speaking(key):
            return bytes(obstore.get_range(self._store, key, start=start, end=end))

    def _download(self, key: str, path: Path, *, sha256: str, watch: Watch, num_bytes: int | None = None) -> None:
        size = patiently(lambda: self.size(key), watch) if num_bytes is None else num_bytes
        self._cache.make_room(size)
        download(lambda start, end: self._piece(key, start, end), path, num_bytes=size, sha256=sha256, watch=watch)

    def _download_missing(
        self, location: str, folder: Path, manifest_sha256: str, *, only: Collection[str] | None, watch: Watch
    ) -> None:
        path = folder / MANIFEST
        if not path.exists():
            size = patiently(lambda: self.size(f"{location}/{MANIFEST}"), watch)
            if size > _MAX_MANIFEST_BYTES:
                raise Damaged(f"The manifest of {location} has {size} bytes.")
            self._download(f"{location}/{MANIFEST}", path, sha256=manifest_sha256, watch=watch, num_bytes=size)
        for name, entry in _files(path, location).items():
            there = folder / name
            if (only is None or name in only) and not (there.exists() and there.stat().st_size == entry["bytes"]):
                num_bytes, sha256 = int(entry["bytes"]), str(entry["sha256"])
                self._download(f"{location}/{name}", there, sha256=sha256, watch=watch, num_bytes=num_bytes)


class _Pieces:
    """An iterator that remembers what went wrong in it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.error: Exception | None = None
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except Exception as error:
            self.error = error
            raise


def _opened(address: Address, *, client: ClientConfig, max_retries: int, retry_seconds: float) -> S3Store:
    given: dict[str, Any] = {}
    if address.access_key is not None:
        given = {"access_key_id": address.access_key, "secret_access_key": address.secret_key}
    if address.endpoint is not None:
        given["endpoint"] = address.endpoint
    return S3Store(
        address.bucket,
        prefix=address.prefix,
        region=address.region,
        virtual_hosted_style_request=address.virtual_hosted,
        client_options={**client, "allow_http": address.is_plain_http},
        retry_config={"max_retries": max_retries, "retry_timeout": timedelta(seconds=retry_seconds)},
        **given,
    )


def _files(manifest: Path, location: str) -> dict[str, Any]:
    """The files that a verified manifest names."""
    files: dict[str, Any] = json.loads(manifest.read_bytes())["files"]
    if strange := [name for name in files if not is_part(name)]:
        raise Damaged(f"The manifest of {location} names {strange[0]!r}.")
    return files
