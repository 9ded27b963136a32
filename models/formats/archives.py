"""Zip and tar archives and gzip files from strangers, read in memory within limits; nothing is ever written to disk.

Refused, with the entry named: absolute names, `..`, back slashes, links, devices, encryption, names that come twice,
more entries or bytes than `limits` allow, and contents packed so densely that only a bomb does it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from models.errors import InvalidData
from models.formats import limits

_UNPACKERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
_BUFFER_BYTES = 1 << 16
BROKEN = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    RuntimeError,
    ValueError,
)


class Bounded(io.RawIOBase):
    """An unpacking file that hands out no more bytes than its packed size can honestly hold; raises InvalidData."""

    def __init__(self, file: IO[bytes], *, packed_bytes: int, most_bytes: int = limits.MAX_UNPACKED_BYTES) -> None:
        self._file = file
        self._limit = honest_bytes(packed_bytes, most_bytes=most_bytes)

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as it can."""
        try:
            size = cast("int", cast("Any", self._file).readinto(buffer))
        except BROKEN as error:
            raise InvalidData(f"the packed data is damaged ({error})") from error
        if self._file.tell() > self._limit:
            raise _dishonest(self._limit)
        return size

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves as a file does; going beyond the limit is refused before anything is unpacked."""
        if whence == 0 and offset > self._limit:
            raise _dishonest(self._limit)
        try:
            return self._file.seek(offset, whence)
        except BROKEN as error:
            raise InvalidData(f"the packed data is damaged ({error})") from error

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always, though going back unpacks from the start."""
        return True

    def close(self) -> None:
        """Closes the file beneath too."""
        self._file.close()
        super().close()


def honest_bytes(packed_bytes: int, *, most_bytes: int = limits.MAX_UNPACKED_BYTES) -> int:
    """How many bytes a file of that size may unpack to: in memory, unless told otherwise."""
    return min(most_bytes, max(limits.RATIO_FREE_BYTES, packed_bytes * limits.MAX_RATIO))


def is_packed(path: Path) -> bool:
    """Whether the file is gzip, bzip2 or xz, whatever its name says."""
    with path.open("rb") as file:
        magic = file.read(6)
    return any(magic.startswith(prefix) for prefix, _ in _UNPACKERS)


def open_unpacked(path: Path, *, most_bytes: int = limits.MAX_UNPACKED_BYTES) -> IO[bytes]:
    """The file, or what it unpacks to when it is gzip, bzip2 or xz, whatever its name says."""
    with path.open("rb") as file:
        magic = file.read(6)
    for prefix, opener in _UNPACKERS:
        if magic.startswith(prefix):
            bounded = Bounded(cast("IO[bytes]", opener(path)), packed_bytes=path.stat().st_size, most_bytes=most_bytes)
            return io.BufferedReader(bounded, _BUFFER_BYTES)
    return path.open("rb")


def unpack(content: bytes, *, place: str) -> bytes:
    """The content, or what it unpacks to when it is gzip. Raises InvalidData naming `place`."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    limit = honest_bytes(len(content))
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(content, limit + 1)
    except zlib.error as error:
        raise InvalidData(f"the gzip data is damaged ({error})", place=place) from error
    if len(unpacked) > limit:
        raise _dishonest(limit, place=place)
    if not unpacker.eof:
        raise InvalidData("the gzip data ends too early", place=place)
    return unpacked


def entries(path: Path, *, max_file_bytes: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file in a zip or tar archive, in archive order; raises InvalidData naming the entry.

    One file at a time is in memory; one larger than `max_file_bytes` is refused before it is read.
    """
    seen: set[str] = set()
    listing = _zip_entries if zipfile.is_zipfile(path) else _tar_entries
    for name, content in listing(path, max_file_bytes=max_file_bytes):
        if name in seen:
            raise InvalidData("this name comes twice in the archive", place=name)
        seen.add(name)
        yield name, content


def check_zip(archive: zipfile.ZipFile, *, packed_bytes: int) -> list[zipfile.ZipInfo]:
    """The files in the archive, all harmless by name, kind and declared size; raises InvalidData naming the entry."""
    infos = archive.infolist()
    if len(infos) > limits.MAX_ENTRIES:
        raise InvalidData(f"the archive has {len(infos):,} entries; at most {limits.MAX_ENTRIES:,} are read")
    total = 0
    for info in infos:
        check_name(info.filename)
        kind = info.external_attr >> 16
        if stat.S_IFMT(kind) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise InvalidData("links and devices are not read from archives", place=info.filename)
        if info.flag_bits & 0x1:
            raise InvalidData("the entry is encrypted", place=info.filename)
        total += info.file_size
        _check_size(total, packed_bytes=packed_bytes, place=info.filename)
    return [info for info in infos if not info.is_dir()]


def _zip_entries(path: Path, *, max_file_bytes: int | None) -> Iterator[tuple[str, bytes]]:
    place = "the archive"
    try:
        with zipfile.ZipFile(path) as archive:
            for info in check_zip(archive, packed_bytes=path.stat().st_size):
                place = info.filename
                _check_file_size(info.file_size, limit=max_file_bytes, place=place)
                yield info.filename, archive.read(info)
    except BROKEN as error:
        raise InvalidData(f"the zip archive is damaged ({error})", place=place) from error


def _tar_entries(path: Path, *, max_file_bytes: int | None) -> Iterator[tuple[str, bytes]]:
    place = "the archive"
    packed_bytes, total = path.stat().st_size, 0
    try:
        with open_unpacked(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for number, member in enumerate(archive):
                place = member.name
                _check_member(member, number=number)
                total += member.size
                _check_size(total, packed_bytes=packed_bytes, place=member.name)
                if member.isreg():
                    _check_file_size(member.size, limit=max_file_bytes, place=place)
                    yield member.name.removeprefix("./"), cast("IO[bytes]", archive.extractfile(member)).read()
    except BROKEN as error:
        raise InvalidData(f"it is neither a zip nor a tar archive, or it is damaged ({error})", place=place) from error


def _check_member(member: Any, *, number: int) -> None:
    check_name(member.name)
    if number >= limits.MAX_ENTRIES:
        raise InvalidData(f"the archive has more than {limits.MAX_ENTRIES:,} entries")
    if not (member.isreg() or member.isdir()) or member.sparse is not None:
        raise InvalidData("links, devices and sparse files are not read from archives", place=member.name)


def check_name(name: str) -> None:
    """Raises InvalidData for a name that leads out of the archive or is no plain name."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in parts[0] or not name.isprintable():
        raise InvalidData("the name leads out of the archive or is no plain name", place=repr(name))
    if len(name.encode(errors="replace")) > limits.MAX_NAME_BYTES:
        raise InvalidData("the name is too long", place=repr(name[:64]))


def _check_file_size(size: int, *, limit: int | None, place: str) -> None:
    if limit is not None and size > limit:
        raise InvalidData(f"the file has {size:,} bytes; at most {limit:,} are read", place=place)


def _check_size(total: int, *, packed_bytes: int, place: str) -> None:
    if total > honest_bytes(packed_bytes):
        raise _dishonest(honest_bytes(packed_bytes), place=place)


def _dishonest(limit: int, *, place: str | None = None) -> InvalidData:
    return InvalidData(f"it unpacks to more than {limit:,} bytes, more than a file of its size should", place=place)
