"""Histograms of a network's tensors: one packed row for all of them at a step, written under the attempt's lease."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, insert, select

from models.tables import histograms

#: What is known of a tensor besides its counts, in this order.
FIGURES: Final = ("minimum", "maximum", "num", "total", "total_squares")
_COMPRESSION: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """Every tensor's histogram after one step.

    `figures` is [tensors, 5], a column for each of `FIGURES`; `counts` is [tensors, bins]: how many entries lie in each
    of the bins of equal width between a tensor's minimum and its maximum. `time` is in seconds since the epoch.
    """

    step: int
    time: float
    names: Sequence[str]
    figures: NDArray[np.float64]
    counts: NDArray[np.float64]


def append(connection: Connection, *, job_id: str, taken: Histograms) -> None:
    """Add the histograms of a step to a job, in place of any that are there; call it behind the job's guard."""
    connection.execute(_FORGET, {"of_job": job_id, "of_step": taken.step})
    connection.execute(insert(histograms).values(job_id=job_id, step=taken.step, packed=pack(taken)))


def listing(connection: Connection, *, job_id: str) -> Iterator[Histograms]:
    """A job's histograms, step by step."""
    for row in connection.execute(_LISTING, {"of_job": job_id}):
        yield unpack(row.packed)


def cut(connection: Connection, *, job_id: str, step: int) -> None:
    """Forget the histograms behind a step, as `metrics.cut` does with points."""
    connection.execute(delete(histograms).where(histograms.c.job_id == job_id, histograms.c.step > step))


def pack(taken: Histograms) -> bytes:
    """Names, figures as 8-byte and counts as 4-byte floats, compressed."""
    header = orjson.dumps({"step": taken.step, "time": taken.time, "names": list(taken.names)})
    figures, counts = taken.figures.astype("<f8").tobytes(), taken.counts.astype("<f4").tobytes()
    return zlib.compress(b"\n".join([header, figures + counts]), _COMPRESSION)


def unpack(packed: bytes) -> Histograms:
    """The histograms in the bytes that `pack` made."""
    header, _, arrays = zlib.decompress(packed).partition(b"\n")
    document: dict[str, Any] = orjson.loads(header)
    num_tensors = len(document["names"])
    num_figures = num_tensors * len(FIGURES)
    figures = np.frombuffer(arrays, "<f8", num_figures).reshape(num_tensors, len(FIGURES))
    counts = np.frombuffer(arrays, "<f4", offset=8 * num_figures).astype(np.float64).reshape(num_tensors, -1)
    return Histograms(document["step"], document["time"], document["names"], figures, counts)


_FORGET = delete(histograms).where(
    histograms.c.job_id == bindparam("of_job"), histograms.c.step == bindparam("of_step")
)
_LISTING = select(histograms.c.packed).where(histograms.c.job_id == bindparam("of_job")).order_by(histograms.c.step)
