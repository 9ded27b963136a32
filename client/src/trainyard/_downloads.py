"""Fetching a file in as many pieces as the network allows, trusted only once its digest is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

import httpx2

from ._exceptions import DownloadCorrupt, ServerError, ServiceUnreachable
from ._records import CheckpointFile
from ._retries import Patience
from ._transport import Transport, translated

_CHUNK_BYTES: Final = 1 << 20

#: Told a file's name, how many of its bytes have gone over, and how many there are.
OnBytes = Callable[[str, int, int], None]


def download(transport: Transport, path: str, *, file: CheckpointFile, folder: Path, progress: OnBytes | None) -> Path:
    """Fetch `file` from `path` into a folder and return where it lies.

    A file that is there with the right digest is left alone; a partial one is continued, also one that an earlier
    process left. The file takes its name only once its SHA-256 is right.
    Raises DownloadCorrupt when it is still wrong after a second, whole download.
    """
    if Path(file.name).name != file.name:
        raise DownloadCorrupt(f"{file.name!r} is no plain file name")
    told = progress or _nobody
    target = folder / file.name
    if target.is_file() and digest(target) == file.sha256:
        told(file.name, file.bytes, file.bytes)
        return target
    # The digest in the name keeps the beginning of one checkpoint's file from being continued by another's.
    part = folder / f".{file.name}.{file.sha256[:16]}.part"
    for _ in range(2):
        _complete(transport, path, file=file, part=part, told=told)
        if digest(part) == file.sha256:
            return part.replace(target)
        part.unlink()
    raise DownloadCorrupt(f"{file.name} does not have the SHA-256 that was declared ({file.sha256})")


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex, read in bounded memory."""
    with path.open("rb") as stream:
        return file_digest(stream, sha256).hexdigest()


def _complete(transport: Transport, path: str, *, file: CheckpointFile, part: Path, told: OnBytes) -> None:
    part.touch()
    patience = Patience()
    while (have := part.stat().st_size) < file.bytes:
        try:
            for there in _piece(transport, path, part, have):
                patience.renew()
                told(file.name, there, file.bytes)
            if part.stat().st_size < file.bytes:
                patience.spend(ServiceUnreachable(f"{transport.url} ended {file.name} early"))
        except (ServiceUnreachable, ServerError) as error:
            patience.spend(error)


def _piece(transport: Transport, path: str, part: Path, have: int) -> Iterator[int]:
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Range": f"bytes={have}-"}
    response = transport.request("GET", path, headers=headers, stream=True)
    with closing(response), translated(transport.url), part.open("ab") as sink:
        if response.status_code != httpx2.codes.PARTIAL_CONTENT:
            sink.truncate(0)
            have = 0
        for chunk in response.iter_bytes(_CHUNK_BYTES):
            sink.write(chunk)
            have += len(chunk)
            yield have


def _nobody(_name: str, _there: int, _total: int) -> None:
    """Stand in for a caller who does not ask for progress."""
