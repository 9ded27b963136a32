"""The records of an event file: its opening, scalars, histograms.

Field numbers are those of `event.proto` and `summary.proto` in TensorBoard.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.histograms import Histograms
from models.metric_blobs import Points
from models.tensorboard.protobuf import double, doubles, key, message, text, varint, whole
from models.tensorboard.records import framed, record

_VERSION: Final = "brain.Event:2"
_SESSION_START: Final = 1
_BLOCK_POINTS: Final = 1 << 16
_SEVEN_BITS: Final = 7
_SINGLE_BYTES: Final = 4


def opening(*, time: float) -> bytes:
    """What a file begins with. The session that starts at step 0 makes a TensorBoard that has read an older file of the
    same run forget it.
    """
    version = record(double(1, time) + text(3, _VERSION))
    return version + record(double(1, time) + message(7, whole(1, _SESSION_START)))


def scalars(tag: str, points: Points) -> Iterator[bytes]:
    """The points of a series, in blocks of records."""
    for start in range(0, len(points), _BLOCK_POINTS):
        yield framed(_scalar_payloads(tag, points[start : start + _BLOCK_POINTS]))


def summary(*values: bytes, step: int, time: float) -> bytes:
    """One record with several values of a step."""
    return record(double(1, time) + whole(2, step) + message(5, *values))


def histograms(taken: Histograms) -> bytes:
    """The histograms of a step."""
    tensors = zip(taken.names, taken.figures, taken.counts, strict=True)
    return b"".join(summary(_histogram(*tensor), step=taken.step, time=taken.time) for tensor in tensors)


def _scalar_payloads(tag: str, points: Points) -> NDArray[np.uint8]:
    """One payload a point, all of one length: what differs is written over a pattern."""
    head = text(1, tag) + key(2, 5)
    value = key(1, 2) + varint(len(head) + _SINGLE_BYTES) + head
    whole_summary = key(5, 2) + varint(len(value) + _SINGLE_BYTES) + value
    columns = (
        _repeated(key(1, 1), len(points)),
        points.times.astype("<f8").view(np.uint8).reshape(-1, 8),
        _repeated(key(2, 0), len(points)),
        _padded_varints(points.steps),
        _repeated(whole_summary, len(points)),
        _singles(points.values),
    )
    return np.concatenate(columns, axis=1)


def _singles(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """As 4-byte floats, which is what TensorBoard keeps; what is too large for them becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype("<f4").view(np.uint8).reshape(-1, 4)


def _repeated(content: bytes, times: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.frombuffer(content, np.uint8), (times, len(content)))


def _padded_varints(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Varints as long as the longest needs; a reader does not mind groups of seven zeros at the end."""
    width = len(varint(int(numbers.max())))
    shifts = _SEVEN_BITS * np.arange(width)
    groups = ((numbers[:, None] >> shifts) & 0x7F).astype(np.uint8)
    groups[:, :-1] |= 0x80
    return groups


def _histogram(name: str, figures: NDArray[np.float64], counts: NDArray[np.float64]) -> bytes:
    """A value with a HistogramProto, whose buckets are told by their upper limits."""
    minimum, maximum = float(figures[0]), float(figures[1])
    limits = np.linspace(minimum, max(maximum, np.nextafter(minimum, np.inf)), len(counts) + 1)[1:]
    fields = [double(place, float(figure)) for place, figure in enumerate(figures, start=1)]
    content = (*fields, doubles(6, limits.tolist()), doubles(7, counts.tolist()))
    return message(1, text(1, name), message(5, *content))
