"""The little of the Protocol Buffers encoding that event files need: a message is its fields, joined."""

from __future__ import annotations

import struct
from collections.abc import Iterable

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(0x80 | (value & 0x7F))
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def key(number: int, wire_type: int) -> bytes:
    """What stands before a field's value."""
    return varint(number << 3 | wire_type)


def whole(number: int, value: int) -> bytes:
    """A field of type int32, int64, bool or an enumeration; not negative."""
    return key(number, _VARINT) + varint(value)


def double(number: int, value: float) -> bytes:
    """A field of type double."""
    return key(number, _EIGHT_BYTES) + struct.pack("<d", value)


def single(number: int, value: float) -> bytes:
    """A field of type float."""
    return key(number, _FOUR_BYTES) + struct.pack("<f", value)


def message(number: int, *fields: bytes) -> bytes:
    """A field that holds a message."""
    content = b"".join(fields)
    return key(number, _LENGTH) + varint(len(content)) + content


def text(number: int, value: str) -> bytes:
    """A field of type string."""
    return message(number, value.encode())


def doubles(number: int, values: Iterable[float]) -> bytes:
    """A packed repeated field of type double."""
    return message(number, *(struct.pack("<d", value) for value in values))
