"""What the profiles of images and of texts have in common: rows with one class each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.formats.sources import PARTS


class Labelled(Protocol):
    """Rows with labels, int64 [N] of indices into the classes."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """The class of each row."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Remarks of the reader."""
        ...


def class_counts(source: Labelled) -> dict[str, int]:
    """The number of rows of every class."""
    counts = np.bincount(source.labels, minlength=len(source.classes)).tolist()
    return dict(zip(source.classes, counts, strict=True))


def part_counts(split: npt.NDArray[np.int8] | None) -> dict[str, int] | None:
    """The number of rows of every official part that has some; None without a split."""
    if split is None:
        return None
    counts = np.bincount(split, minlength=len(PARTS)).tolist()
    return {part: count for part, count in zip(PARTS, counts, strict=True) if count}


def remarks(source: Labelled, *, what: str, duplicates: int) -> Iterator[str]:
    """The notes of the reader, and what looks wrong; `what` is the word for a row, such as "image"."""
    yield from source.notes
    if len(source.classes) == 1:
        yield f"all {what}s are of one class, {source.classes[0]!r}"
    if duplicates:
        repeat = f"{what} repeats" if duplicates == 1 else f"{what}s repeat"
        yield f"{duplicates} {repeat} an earlier one of the same class"
