"""The feature columns of a table: read as they are asked for, and words coded by what the training rows hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats.sources import Table
from models.spec import JobSpec
from models.spec.preprocessing import Category
from worker.training.data.cleaning import marks
from worker.training.data.modules import MISSING, NUM_RESERVED_CODES, UNSEEN
from worker.training.data.report import Report
from worker.training.data.splitting import TRAIN, Parts
from worker.training.data.table_encoding import OwnMarks, TableEncoding, Vocabulary
from worker.training.data.times import NUM_CIRCLE_COLUMNS, circles, circles_of, times_of
from worker.training.data.values import Words, coerced, texts_of, words_of
from worker.training.data.words import Tidy

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Features:
    """The feature columns of all rows: float64 [N, F], words per categorical column, and one of texts with its name.

    What the columns of `times` have become are the last of the numbers.
    """

    number_names: list[str]
    numbers: npt.NDArray[np.float64]
    words: dict[str, Words]
    text: tuple[str, list[str | None]] | None = None
    times: tuple[str, ...] = ()

    @property
    def plain_names(self) -> list[str]:
        """The columns that were numbers from the start."""
        return self.number_names[: len(self.number_names) - NUM_CIRCLE_COLUMNS * len(self.times)]


def read_features(spec: JobSpec, table: Table, report: Report) -> Features:
    """Columns of the types asked for; raises InvalidData naming the row of a number that is none."""
    numbers: dict[str, npt.NDArray[np.float64]] = {}
    words: dict[str, Words] = {}
    texts: tuple[str, list[str | None]] | None = None
    times: dict[str, npt.NDArray[np.float64]] = {}
    for name, feature in spec.data.features.items():
        column = table.columns[name].combine_chunks()
        if feature.type == "number":
            numbers[name], num_words = coerced(column, name=name, most=spec.cleaning.max_coerced)
            report.coerced |= {name: num_words} if num_words else {}
        elif feature.type == "text":
            texts = name, texts_of(column)
        elif feature.type == "calendar":
            times[name] = circles(times_of(column, name=name))
        else:
            words[name] = words_of(column)
    stacked = np.stack(list(numbers.values()), axis=1) if numbers else np.empty((len(table), 0))
    names = [*numbers, *(column for name in times for column in circles_of(name))]
    return Features(names, np.concatenate([stacked, *times.values()], axis=1), words, texts, tuple(times))


def with_values(features: Features, parts: Parts, report: Report) -> Features:
    """The features without columns that no training row has a value in; raises InvalidData when none is left."""
    train = parts == TRAIN
    some = ~np.isnan(features.numbers[train]).all(axis=0)
    words = {name: column for name, column in features.words.items() if (column.codes[train] >= 0).any()}
    times = tuple(name for name in features.times if some[features.number_names.index(circles_of(name)[0])])
    gone = {column: name for name in features.times for column in circles_of(name)}
    left_out = [name for name, keep in zip(features.number_names, some, strict=True) if not keep]
    dropped = list(dict.fromkeys(gone.get(name, name) for name in left_out))
    dropped += [name for name in features.words if name not in words]
    if not some.any() and not words and features.text is None:
        raise InvalidData("every feature is missing in every training row")
    report.columns_dropped += dropped
    report.warnings += [f"column {name!r} is left out: it is missing in every training row" for name in dropped]
    names = [name for name, keep in zip(features.number_names, some, strict=True) if keep]
    return Features(names, features.numbers[:, some], words, features.text, times)


def encoded(spec: JobSpec, features: Features, parts: Parts, report: Report) -> tuple[TableEncoding, Codes]:
    """The vocabulary of the training rows, and the codes [N, K] of all rows in it."""
    train = parts == TRAIN
    vocabularies: list[Vocabulary] = []
    codes = np.empty((len(parts), len(features.words)), np.int64)
    for place, (name, words) in enumerate(features.words.items()):
        counts = np.bincount(words.codes[train] + 1, minlength=len(words.values) + 1)[1:]
        order = sorted(_known(counts, spec.preprocessing.category), key=words.values.__getitem__)
        table = np.full(len(words.values) + 1, UNSEEN, np.int64)
        table[order] = np.arange(NUM_RESERVED_CODES, NUM_RESERVED_CODES + len(order))
        table[-1] = MISSING
        codes[:, place] = table[words.codes]
        vocabularies.append(Vocabulary(name, tuple(words.values[code] for code in order)))
        _note(report, name, codes[:, place], train)
    kept = {
        *features.number_names,
        *features.words,
        *features.times,
        *(() if features.text is None else features.text[:1]),
    }
    encoding = TableEncoding(
        numbers=tuple(features.number_names),
        categories=tuple(vocabularies),
        missing_values=marks(spec.cleaning.missing_values),
        tidy=Tidy.of(spec.cleaning.text),
        own_missing_values=tuple(
            OwnMarks(name, marks(feature.missing_values))
            for name, feature in spec.data.features.items()
            if feature.missing_values and name in kept
        ),
        lenient=tuple(name for name in report.coerced if name in features.number_names),
        times=features.times,
    )
    return encoding, codes


def _known(counts: Codes, spec: Category) -> list[int]:
    """The values that get a code of their own: frequent enough, and the most frequent where they are too many."""
    known = np.flatnonzero(counts >= spec.min_count)
    if len(known) > spec.max_cardinality:
        known = known[np.argsort(-counts[known], kind="stable")[: spec.max_cardinality]]
    places: list[int] = known.tolist()
    return places


def _note(report: Report, name: str, codes: Codes, train: npt.NDArray[np.bool_]) -> None:
    unseen, rare = int((codes[~train] == UNSEEN).sum()), int((codes[train] == UNSEEN).sum())
    gone = int((codes[train] == MISSING).sum())
    report.unseen_categories |= {name: unseen} if unseen else {}
    report.rare_categories |= {name: rare} if rare else {}
    report.filled |= {name: gone} if gone else {}
