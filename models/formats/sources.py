"""What every reader returns: a typed table, images or texts with labels, or images that stay in their archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from models.formats.image_files import ImageFiles

PARTS = ("train", "validation", "test")
"""The parts of an official split; `split` arrays hold indices into it."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of typed columns, each one contiguous chunk.

    A column is int64 or float64 (missing values are nulls, never NaN), bool, timestamp[us] without zone, or
    dictionary<int32, string> for words. `split` is int8 [rows] of indices into `PARTS`, or None. `notes` are remarks of
    the reader that the profile passes on.
    """

    columns: pa.Table
    split: npt.NDArray[np.int8] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.columns.num_rows)


@dataclass(frozen=True, slots=True)
class Images:
    """Images and their classes.

    `pixels` is uint8 [N, H, W, C] with C 1 or 3, or a list of N arrays [h, w, C] where the sizes differ; `labels` is
    int64 [N] of indices into `classes`.
    """

    pixels: npt.NDArray[np.uint8] | list[npt.NDArray[np.uint8]]
    labels: npt.NDArray[np.int64]
    classes: list[str]
    split: npt.NDArray[np.int8] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts and their classes.

    `texts` are the documents as they were written; `labels` is int64 [N] of indices into `classes`.
    """

    texts: list[str]
    labels: npt.NDArray[np.int64]
    classes: list[str]
    split: npt.NDArray[np.int8] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)


Source: TypeAlias = "Table | Images | ImageFiles | Texts"
