"""Where the files of an archive lie: an index of some fifty bytes per file, however much the archive holds.

The contents stay on disk and are read by offset, one file at a time, by as many threads as like. They are read, not
mapped: a page of a mapping that cannot be loaded ends the process by a signal, holds the interpreter while it loads,
and counts as memory of the process. Reading releases the interpreter, and what goes wrong is an error with a name.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from array import array
from pathlib import Path
from typing import Final, NamedTuple
from weakref import finalize

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats import limits

PLAIN: Final = 0  #: the bytes of the file lie at the offset, as in a tar
ZIP_STORED: Final = 1  #: a local header of a zip lies at the offset, and the bytes behind it
ZIP_DEFLATED: Final = 2  #: as before, the bytes packed by deflate

_LOCAL_HEADER: Final = struct.Struct("<4s22xHH")
_EDGE_BYTES: Final = 4096


class Member(NamedTuple):
    """One file of an archive. `crc` is the checksum of its content where the archive has one, else 0."""

    name: str
    offset: int
    num_bytes: int
    packed_bytes: int
    packing: int = PLAIN
    crc: int = 0


class Blob:
    """A file on disk, read by offset from any thread; its descriptor is closed when nobody uses it any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.num_bytes = os.fstat(descriptor).st_size
        finalize(self, os.close, descriptor)

    @classmethod
    def open(cls, path: Path) -> Blob:
        """The file of that path."""
        return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def read(self, offset: int, num_bytes: int, *, place: str) -> bytes:
        """That many bytes; raises InvalidData naming `place` where the file has not so many, or cannot be read."""
        try:
            content = os.pread(self._descriptor, num_bytes, offset)
            while len(content) < num_bytes:  # a signal, or a file system, may cut a read short
                more = os.pread(self._descriptor, num_bytes - len(content), offset + len(content))
                if not more:
                    raise InvalidData("the archive is damaged: it ends too early", place=place)
                content += more
        except (OSError, OverflowError) as error:
            raise InvalidData(f"the archive cannot be read ({error})", place=place) from error
        return content

    def content_offset(self, offset: int, *, place: str) -> int:
        """Where the content of the file of a zip begins whose local header lies there; raises InvalidData."""
        magic, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(self.read(offset, _LOCAL_HEADER.size, place=place))
        if magic != b"PK\3\4":
            raise InvalidData("the zip archive is damaged: there is no file where its directory says", place=place)
        return offset + _LOCAL_HEADER.size + int(name_bytes) + int(extra_bytes)


class Members:
    """Files of one archive, in the order in which they were added, and their contents on demand."""

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self._names = bytearray()
        self._ends = array("Q")
        self._offsets = array("Q")
        self._num_bytes = array("Q")
        self._packed_bytes = array("Q")
        self._packings = bytearray()
        self._crcs = array("I")

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, member: Member) -> None:
        """Note one more file."""
        if len(self) >= limits.MAX_INDEXED_ENTRIES:
            raise InvalidData(f"the archive has more than {limits.MAX_INDEXED_ENTRIES:,} files")
        self._names += member.name.encode()
        self._ends.append(len(self._names))
        self._offsets.append(member.offset)
        self._num_bytes.append(member.num_bytes)
        self._packed_bytes.append(member.packed_bytes)
        self._packings.append(member.packing)
        self._crcs.append(member.crc)

    def name(self, number: int) -> str:
        """The name of a file."""
        return self.encoded_name(number).decode()

    def num_bytes(self, number: int) -> int:
        """The size of a file's content."""
        return self._num_bytes[number]

    def encoded_name(self, number: int) -> bytes:
        """The name of a file in UTF-8."""
        return bytes(self._names[self._ends[number - 1] if number else 0 : self._ends[number]])

    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each file lies, [N]."""
        return np.array(self._offsets, np.int64)

    def total_bytes(self) -> int:
        """The size of all contents."""
        return int(np.array(self._num_bytes, np.uint64).sum())

    def read(self, number: int) -> bytes:
        """The content of a file; raises InvalidData naming it."""
        place, packing = self.name(number), self._packings[number]
        offset, num_bytes = self._offsets[number], self._num_bytes[number]
        if packing == PLAIN:
            return self.blob.read(offset, num_bytes, place=place)
        start = self.blob.content_offset(offset, place=place)
        content = self.blob.read(start, self._packed_bytes[number], place=place)
        if packing == ZIP_DEFLATED:
            content = _inflated(content, num_bytes=num_bytes, place=place)
        if zlib.crc32(content) != self._crcs[number]:
            raise InvalidData("the zip archive is damaged: the checksum of the file is wrong", place=place)
        return content

    def sketch(self, number: int) -> int:
        """64 bits that files of equal content share, from a few bytes: its size, and its edges or its checksum."""
        num_bytes = self._num_bytes[number]
        if self._packings[number] != PLAIN:
            return _digest(b"%d %d" % (num_bytes, self._crcs[number]))
        offset, place = self._offsets[number], self.name(number)
        if num_bytes <= 2 * _EDGE_BYTES:
            return _digest(self.blob.read(offset, num_bytes, place=place))
        head = self.blob.read(offset, _EDGE_BYTES, place=place)
        return _digest(
            head + self.blob.read(offset + num_bytes - _EDGE_BYTES, _EDGE_BYTES, place=place) + b"%d" % num_bytes
        )

    def digest(self, number: int) -> int:
        """64 bits of the whole content."""
        return _digest(self.read(number))


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def _inflated(packed: bytes, *, num_bytes: int, place: str) -> bytes:
    unpacker = zlib.decompressobj(wbits=-15)
    try:
        content = unpacker.decompress(packed, num_bytes + 1)
    except zlib.error as error:
        raise InvalidData(f"the zip archive is damaged ({error})", place=place) from error
    if len(content) != num_bytes:
        raise InvalidData("the zip archive is damaged: the size of the file is not what it says", place=place)
    return content
