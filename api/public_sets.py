"""The content of a public dataset as it arrives: its one file, or a tar of its files, each held to its checksum."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from models.samples.public import TAR_BLOCK, PublicFile, PublicSet, padded

if TYPE_CHECKING:  # loaded with the first address, see `api.outbound`
    import httpx2

_READ_BY_ALL: Final = 0o644

Opened = AbstractContextManager["httpx2.Response"]


class OtherFile(Exception):
    """What the source sends is not the file that is known by that name."""


def content(public: PublicSet, opened: Callable[[PublicFile], Opened]) -> Iterator[bytes]:
    """The bytes of the dataset, as many as it says; `opened` requests a file. Raises OtherFile and what that raises."""
    if len(public.files) == 1:
        yield from _checked(public.files[0], opened)
        return
    for file in public.files:
        yield _header(file)
        yield from _checked(file, opened)
        yield bytes(padded(file.num_bytes) - file.num_bytes)
    yield bytes(2 * TAR_BLOCK)


def _checked(file: PublicFile, opened: Callable[[PublicFile], Opened]) -> Iterator[bytes]:
    """The blocks of a file; the last one is withheld where they are not what they should be."""
    digest, received, last = hashlib.md5(usedforsecurity=False), 0, b""
    with opened(file) as response:
        for block in response.iter_raw():
            yield last
            last = block
            received += len(block)
            if received > file.num_bytes:
                break
            digest.update(block)
    if received != file.num_bytes:
        raise OtherFile(f"{file.name} has {file.num_bytes} bytes, not {received} or more as the source sends")
    if digest.hexdigest() != file.md5:
        raise OtherFile(f"{file.name} has the MD5 {file.md5}, what the source sends has {digest.hexdigest()}")
    yield last


def _header(file: PublicFile) -> bytes:
    info = tarfile.TarInfo(file.name)
    info.size, info.mode = file.num_bytes, _READ_BY_ALL
    return info.tobuf(tarfile.USTAR_FORMAT)
