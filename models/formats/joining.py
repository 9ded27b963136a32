"""Two datasets as one: the rows of the first train, those of the second test."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.errors import InvalidData
from models.formats.sources import PARTS, Images, Source, Table, Texts

_TRAIN, _TEST = PARTS.index("train"), PARTS.index("test")


def joined(train: Source, test: Source) -> Source:
    """A source whose official split says which row came from which; splits that the two bring themselves are ignored.

    A table keeps the columns that both have. Raises InvalidData where the two are not of one kind, or a column is of
    another type in the second.
    """
    split = np.repeat(np.array([_TRAIN, _TEST], np.int8), [len(train), len(test)])
    if isinstance(train, Table) and isinstance(test, Table):
        both = [name for name in train.columns.column_names if name in test.columns.column_names]
        columns = {name: _column(train, test, name) for name in both}
        return Table(pa.table(columns), split, (*train.notes, *test.notes))
    if isinstance(train, Images) and isinstance(test, Images):
        labels, classes = _labels(train, test)
        return Images([*train.pixels, *test.pixels], labels, classes, split, (*train.notes, *test.notes))
    if isinstance(train, Texts) and isinstance(test, Texts):
        labels, classes = _labels(train, test)
        return Texts([*train.texts, *test.texts], labels, classes, split, (*train.notes, *test.notes))
    raise InvalidData("the dataset to test on is of another kind, or too large to be joined to the one to train on")


def _column(train: Table, test: Table, name: str) -> pa.Array:
    ours, theirs = (table.columns[name].combine_chunks() for table in (train, test))
    try:
        if pa.types.is_dictionary(ours.type) or pa.types.is_dictionary(theirs.type):
            both = [_words(column) for column in (ours, theirs)]
            return pa.concat_arrays(both).dictionary_encode()
        wider = pa.float64() if ours.type != theirs.type else ours.type
        return pa.concat_arrays([ours.cast(wider), theirs.cast(wider)])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        message = f"it holds {ours.type} in one dataset and {theirs.type} in the other"
        raise InvalidData(message, place=f"column {name!r}") from error


def _words(column: Any) -> Any:
    return column.cast(pa.string())


def _labels(train: Images | Texts, test: Images | Texts) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The labels of both by the classes of both; those of the first keep their places."""
    classes = [*train.classes, *(name for name in test.classes if name not in train.classes)]
    places = np.array([classes.index(name) for name in test.classes], np.int64)
    return np.concatenate([train.labels, places[test.labels]]), classes
