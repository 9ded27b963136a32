"""What a forecast looks back on beside numbers: categories, a column for each, and times as points on circles.

A one-hot column is to the first layer what an embedding would be: each has a vector of weights of its own. A time of
day is told by sine and cosine, so that midnight lies beside 23:59, and so are the weekday and the time of year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch

from models.formats.sources import Table
from models.spec import JobSpec
from worker.training.data.cells import Row
from worker.training.data.features import Features, encoded
from worker.training.data.modules import MISSING, UNSEEN
from worker.training.data.report import Report
from worker.training.data.splitting import Parts
from worker.training.data.table_encoding import TableEncoding
from worker.training.data.times import NUM_CIRCLE_COLUMNS, circles, circles_of, time_of, times_of
from worker.training.data.values import Words, words_of

Floats = npt.NDArray[np.float64]

#: More kinds of one column than this make windows wide and tell little; the rarest count as unseen.
MOST_KINDS: Final = 64


@dataclass(frozen=True, slots=True)
class Covariates:
    """Categorical columns with their vocabularies, and columns of times."""

    words: TableEncoding
    times: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the network reads: those of each category, then those of each time."""
        kinds = [f"{one.name}={value}" for one in self.words.categories for value in ("", *one.values)]
        return (*kinds, *(column for name in self.times for column in circles_of(name)))

    def read(self, steps: Sequence[Row]) -> Floats:
        """Steps as clients send them to numbers [T, F]; raises InvalidRow and InvalidData for cells that are none."""
        codes = self.words.encode(steps)["categories"] if self.words.categories else torch.empty(len(steps), 0)
        times = [circles(np.array([time_of(step.get(name), name=name) for step in steps])) for name in self.times]
        return np.concatenate([self.one_hot(codes.numpy()), *times], axis=1)

    def one_hot(self, codes: npt.NDArray[Any]) -> Floats:
        """Codes [T, K] to a column for "missing" and one per known value each; an unseen value is all zeros."""
        pieces = [np.empty((len(codes), 0))]
        for place, one in enumerate(self.words.categories):
            known = np.eye(one.cardinality)[codes[:, place].astype(np.int64)]
            pieces.append(np.delete(known, UNSEEN, axis=1))
        return np.concatenate(pieces, axis=1)

    def unusual(self, columns: Floats) -> tuple[dict[str, bool], dict[str, bool]]:
        """Whether a step of a window, [T, F] of what `names` says, has no value in a column, or one never seen."""
        missing: dict[str, bool] = {}
        unseen: dict[str, bool] = {}
        at = 0
        for one in self.words.categories:
            width = one.cardinality - 1
            missing[one.name] = bool((columns[:, at + MISSING] == 1).any())
            unseen[one.name] = bool((columns[:, at : at + width].sum(1) == 0).any())
            at += width
        for name in self.times:
            missing[name] = bool(np.isnan(columns[:, at]).any())
            at += NUM_CIRCLE_COLUMNS
        return missing, unseen

    def document(self) -> dict[str, Any]:
        """The covariates as plain JSON values."""
        return {"words": self.words.document(), "times": list(self.times)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The covariates that `document` described."""
        return cls(TableEncoding.from_document(document["words"]), tuple(document["times"]))


def fit(spec: JobSpec, table: Table, parts: Parts, report: Report) -> tuple[Covariates, Floats] | None:
    """The covariates by the training rows, and their columns [L, F] of all rows; None where the job has none."""
    features = spec.data.features
    words: dict[str, Words] = {
        name: words_of(table.columns[name].combine_chunks()) for name, one in features.items() if one.type == "category"
    }
    times = tuple(name for name, one in features.items() if one.type == "calendar")
    if not words and not times:
        return None
    few = spec.preprocessing.category
    few = few.model_copy(update={"max_cardinality": min(few.max_cardinality, MOST_KINDS)})
    narrowed = spec.model_copy(update={"preprocessing": spec.preprocessing.model_copy(update={"category": few})})
    encoding, codes = encoded(narrowed, Features([], np.empty((len(table), 0)), words), parts, report)
    found = Covariates(encoding, times)
    columns = [circles(times_of(table.columns[name].combine_chunks(), name=name)) for name in times]
    return found, np.concatenate([found.one_hot(codes), *columns], axis=1)
