"""TFRecord, the container of event files: length, its checksum, payload, its checksum.

The checksums are CRC-32C (RFC 3720, appendix B.4), rotated and offset. Records of equal length are checked together, a
byte of all of them at a time, which makes a million scalars a matter of a second in plain NumPy.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL: Final = 0x82F63B78
_MASK: Final = 0xA282EAD8

Payloads = NDArray[np.uint8]
"""Payloads of equal length: [records, bytes]."""


def framed(payloads: Payloads) -> bytes:
    """The payloads as records, one behind the other."""
    num_records, num_bytes = payloads.shape
    length = np.frombuffer(np.uint64(num_bytes).astype("<u8").tobytes(), np.uint8)
    head = np.concatenate([length, _column(_masked(length[None]))[0]])
    records = np.empty((num_records, len(head) + num_bytes + 4), np.uint8)
    records[:, : len(head)] = head
    records[:, len(head) : -4] = payloads
    records[:, -4:] = _column(_masked(payloads))
    return records.tobytes()


def record(payload: bytes) -> bytes:
    """One record."""
    return framed(np.frombuffer(payload, np.uint8)[None])


def checksums(payloads: Payloads) -> NDArray[np.uint32]:
    """The CRC-32C of each payload."""
    crc = np.full(len(payloads), 0xFFFFFFFF, np.uint32)
    for byte in payloads.T:
        crc = _TABLE[(crc ^ byte) & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
    return crc ^ np.uint32(0xFFFFFFFF)


def _masked(payloads: Payloads) -> NDArray[np.uint32]:
    crc = checksums(payloads)
    rotated = (crc >> np.uint32(15)) | (crc << np.uint32(17))
    return rotated + np.uint32(_MASK)


def _column(numbers: NDArray[np.uint32]) -> Payloads:
    return numbers.astype("<u4").view(np.uint8).reshape(-1, 4)


def _table() -> NDArray[np.uint32]:
    entries = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        entries = np.where(entries & 1, (entries >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), entries >> np.uint32(1))
    return entries.astype(np.uint32)


_TABLE: Final = _table()
