"""What a forecast looks back on beside numbers: categories, a column for each, and times as points on circles.

A one-hot column is to the first layer what an embedding would be: each has a vector of weights of its own. A time of
day is told by sine and cosine, so that midnight lies beside 23:59, and so are the weekday and the time of year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from models.errors import InvalidData
from models.formats.sources import Table
from models.spec import JobSpec
from worker.training.data.cells import Row
from worker.training.data.features import Features, encoded
from worker.training.data.modules import MISSING, UNSEEN
from worker.training.data.report import Report
from worker.training.data.splitting import Parts
from worker.training.data.table_encoding import TableEncoding
from worker.training.data.values import Words, words_of

Floats = npt.NDArray[np.float64]

CIRCLES: Final = ("day", "week", "year")
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
        return (*kinds, *(f"{name}.{circle}.{part}" for name in self.times for circle in CIRCLES for part in _PARTS))

    def read(self, steps: Sequence[Row]) -> Floats:
        """Steps as clients send them to numbers [T, F]; raises InvalidRow and InvalidData for cells that are none."""
        codes = self.words.encode(steps)["categories"] if self.words.categories else torch.empty(len(steps), 0)
        times = [circles(np.array([_time(step.get(name), name=name) for step in steps])) for name in self.times]
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
            at += len(CIRCLES) * len(_PARTS)
        return missing, unseen

    def document(self) -> dict[str, Any]:
        """The covariates as plain JSON values."""
        return {"words": self.words.document(), "times": list(self.times)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The covariates that `document` described."""
        return cls(TableEncoding.from_document(document["words"]), tuple(document["times"]))


_PARTS: Final = ("sine", "cosine")


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
    columns = [circles(_times(table.columns[name].combine_chunks(), name=name)) for name in times]
    return found, np.concatenate([found.one_hot(codes), *columns], axis=1)


def circles(times: npt.NDArray[np.datetime64]) -> Floats:
    """Times [T] to sine and cosine of the time of day, the weekday and the time of year, [T, 6]; NaN for none."""
    gone = np.isnat(times)
    known = np.where(gone, np.datetime64("1970-01-01", "us"), times.astype("datetime64[us]"))
    days, years = known.astype("datetime64[D]"), known.astype("datetime64[Y]")
    of_day = (known - days) / np.timedelta64(1, "D")
    of_week = ((days.astype(np.int64) + _WEEKDAY_OF_1970) % 7) / 7
    starts, ends = years.astype("datetime64[us]"), (years + 1).astype("datetime64[us]")
    of_year = (known - starts) / (ends - starts)
    angles = 2 * np.pi * np.stack([of_day, of_week, of_year], axis=1)
    points = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(known), -1)
    points[gone] = np.nan
    return points


_WEEKDAY_OF_1970: Final = 3  #: a Thursday, of which Monday is 0


def _times(column: pa.Array, *, name: str) -> npt.NDArray[np.datetime64]:
    if not pa.types.is_timestamp(column.type):
        raise InvalidData("it holds no times", place=f"column {name!r}")
    times: npt.NDArray[np.datetime64] = column.to_numpy(zero_copy_only=False)
    return times


def _time(value: Any, *, name: str) -> np.datetime64:
    """A cell as a time without zone, as the readers of files keep it: in UTC where it names a zone."""
    if value is None:
        return np.datetime64("NaT", "us")
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        message = f"{str(value)[:64]!r} is no time, such as 2026-01-31 or 2026-01-31T13:00"
        raise InvalidData(message, place=f"column {name!r}") from error
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time, "us")
