"""How the points of a metric are packed: little-endian columns, about 12 bytes a point.

A chunk holds up to `CHUNK_POINTS` points. Steps that rise evenly are one stride, others are 4-byte offsets from the
first; times are 4-byte float offsets from the first; values are 8-byte floats, bit for bit as they were measured.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CHUNK_POINTS: Final = 1000
_HEADER: Final = struct.Struct("<BIqdI")  # form of the steps, number of points, first step, first time, stride
_EVEN, _OFFSETS = 1, 2
#: A chunk of `CHUNK_POINTS` points with even steps, whole.
_FULL: Final = np.dtype(
    [
        *(("form", "u1"), ("points", "<u4"), ("first_step", "<i8"), ("first_time", "<f8"), ("stride", "<u4")),
        *(("times", "<f4", CHUNK_POINTS), ("values", "<f8", CHUNK_POINTS)),
    ]
)

Steps = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one series: three columns of equal length, steps strictly rising, times in seconds since the epoch."""

    steps: Steps
    times: Floats
    values: Floats

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, part: slice | NDArray[np.bool_]) -> Points:
        return Points(self.steps[part], self.times[part], self.values[part])


def points(steps: Any, times: Any, values: Any) -> Points:
    """Points from any three sequences. Raises ValueError where their lengths differ."""
    made = Points(np.asarray(steps, np.int64), np.asarray(times, np.float64), np.asarray(values, np.float64))
    if not len(made.steps) == len(made.times) == len(made.values):
        raise ValueError("the columns of a series must have equal lengths")
    return made


def join(parts: Iterable[Points]) -> Points:
    """Several runs of points as one."""
    runs = list(parts)
    if not runs:
        return points([], [], [])
    return Points(
        np.concatenate([run.steps for run in runs]),
        np.concatenate([run.times for run in runs]),
        np.concatenate([run.values for run in runs]),
    )


def unpack_all(packed: Sequence[bytes]) -> Points:
    """The points of neighbouring chunks as one run.

    Full chunks of even steps, which most are, have one length and are read together: a tenth of the time.
    """
    runs: list[Points] = []
    for is_full, chunks in groupby(packed, _is_full):
        if is_full:
            runs.append(_unpack_full(list(chunks)))
        else:
            runs.extend(map(unpack, chunks))
    return runs[0] if len(runs) == 1 else join(runs)


def _is_full(packed: bytes) -> bool:
    return len(packed) == _FULL.itemsize and packed[0] == _EVEN


def _unpack_full(chunks: Sequence[bytes]) -> Points:
    rows = np.frombuffer(b"".join(chunks), _FULL)
    strides = rows["stride"].astype(np.int64)[:, None] * np.arange(CHUNK_POINTS)
    return Points(
        (rows["first_step"][:, None] + strides).ravel(),
        (rows["first_time"][:, None] + rows["times"]).ravel(),
        rows["values"].astype(np.float64).ravel(),
    )


def pack(chunk: Points) -> bytes:
    """The bytes of one chunk of at least one point."""
    first_step, first_time = int(chunk.steps[0]), float(chunk.times[0])
    strides = np.diff(chunk.steps)
    stride = int(strides[0]) if len(strides) else 1
    is_even = bool((strides == stride).all())
    columns = [
        b"" if is_even else (chunk.steps - first_step).astype("<u4").tobytes(),
        (chunk.times - first_time).astype("<f4").tobytes(),
        chunk.values.astype("<f8").tobytes(),
    ]
    header = _HEADER.pack(_EVEN if is_even else _OFFSETS, len(chunk), first_step, first_time, stride if is_even else 0)
    return header + b"".join(columns)


def unpack(packed: bytes) -> Points:
    """The points in the bytes that `pack` made."""
    form, num_points, first_step, first_time, stride = _HEADER.unpack_from(packed)
    offset = _HEADER.size
    if form == _EVEN:
        steps = first_step + stride * np.arange(num_points, dtype=np.int64)
    else:
        steps = first_step + np.frombuffer(packed, "<u4", num_points, offset).astype(np.int64)
        offset += 4 * num_points
    times = first_time + np.frombuffer(packed, "<f4", num_points, offset).astype(np.float64)
    offset += 4 * num_points
    return Points(steps, times, np.frombuffer(packed, "<f8", num_points, offset).astype(np.float64))
