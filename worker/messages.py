"""Frames between a supervisor, its template process and its trainers: JSON for words, raw arrays, no pickle.

    u32 length of the header, big-endian | header, JSON | array | array | …

The header is `{"kind": …, "fields": {…}, "arrays": [["<i8", 120], …]}`; the arrays follow it as little-endian bytes,
so a metric keeps every bit, NaN and infinities included.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

_LENGTH: Final = struct.Struct(">I")
_KINDS_OF_ARRAYS: Final = frozenset({"<i8", "<f8"})

#: What a template is asked to fork: the byte that goes with the descriptors.
TRAIN: Final = b"t"
PREDICT: Final = b"p"
PROBE: Final = b"d"
DRY_RUN: Final = b"s"

#: A longer header is a broken peer, not a long message: the longest real one, a resolved spec, is a few kilobytes.
MAX_HEADER_BYTES: Final = 64 << 20
#: The same for all arrays of one frame together.
MAX_ARRAY_BYTES: Final = 1 << 30


class FrameError(Exception):
    """The bytes are no frame; whoever sent them is no longer to be trusted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: what it is, its fields, and arrays of int64 or float64."""

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    arrays: Sequence[np.ndarray] = ()

    def encode(self) -> bytes:
        """The bytes on the wire. Raises TypeError for fields that JSON cannot say and for arrays of another type."""
        arrays = [np.ascontiguousarray(array, dtype=_wire_type(array)) for array in self.arrays]
        header = {
            "kind": self.kind,
            "fields": self.fields,
            "arrays": [[array.dtype.str, array.size] for array in arrays],
        }
        words = json.dumps(header, separators=(",", ":")).encode()
        return b"".join([_LENGTH.pack(len(words)), words, *(array.tobytes() for array in arrays)])


class Decoder:
    """Puts frames together from whatever pieces a socket delivers."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = _LENGTH.size

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield every frame that these bytes complete. Raises FrameError for bytes that are no frame."""
        self._buffer += data
        while len(self._buffer) >= self._wanted:
            frame = self._take()
            if frame is not None:
                yield frame

    def _take(self) -> Frame | None:
        """One frame, or None when more bytes are needed; `_wanted` then says how many in all."""
        header_end = _LENGTH.size + _header_length(self._buffer)
        if len(self._buffer) < header_end:
            self._wanted = header_end
            return None
        header = _parse(bytes(self._buffer[_LENGTH.size : header_end]))
        frame_end = header_end + sum(8 * size for _, size in header["arrays"])
        if len(self._buffer) < frame_end:
            self._wanted = frame_end
            return None
        blobs = bytes(self._buffer[header_end:frame_end])
        del self._buffer[:frame_end]
        self._wanted = _LENGTH.size
        return Frame(header["kind"], header["fields"], tuple(_arrays(blobs, header["arrays"])))


def _wire_type(array: np.ndarray) -> str:
    if array.dtype.kind == "i":
        return "<i8"
    if array.dtype.kind == "f":
        return "<f8"
    raise TypeError(f"an array of {array.dtype} cannot travel in a frame")


def _header_length(buffer: bytearray) -> int:
    length = int(_LENGTH.unpack_from(buffer)[0])
    if length > MAX_HEADER_BYTES:
        raise FrameError(f"a header of {length} bytes")
    return length


def _parse(words: bytes) -> dict[str, Any]:
    try:
        header = json.loads(words)
        kind, fields, arrays = header["kind"], header["fields"], header["arrays"]
        known = all(name in _KINDS_OF_ARRAYS and size >= 0 for name, size in arrays)
    except (ValueError, KeyError, TypeError) as error:
        raise FrameError(f"a header that is no header: {error}") from error
    if not known or not isinstance(kind, str) or not isinstance(fields, dict):
        raise FrameError("a header with members of the wrong type")
    if 8 * sum(size for _, size in arrays) > MAX_ARRAY_BYTES:
        raise FrameError("arrays longer than any metric batch")
    return dict(header)


def _arrays(blobs: bytes, described: Sequence[tuple[str, int]]) -> Iterator[np.ndarray]:
    start = 0
    for name, size in described:
        yield np.frombuffer(blobs, dtype=name, count=size, offset=start).astype(name[1:], copy=False)
        start += 8 * size
