"""Columns of a table as arrays of numbers or of codes into their distinct values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.errors import InvalidData
from models.formats.columns import numbers as parsed
from worker.training.data.encoding import as_word

NO_CODE = -1


@dataclass(frozen=True, slots=True)
class Words:
    """A column of named things: int64 [N] indices into `values`, -1 for missing."""

    codes: npt.NDArray[np.int64]
    values: list[str]


def words_of(column: pa.Array) -> Words:
    """Any column as words, its values in the text that new rows are matched by."""
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    codes = encoded.indices.fill_null(NO_CODE).to_numpy(zero_copy_only=False).astype(np.int64)
    values = [as_word(value) for value in encoded.dictionary.to_pylist()]
    if len(set(values)) < len(values):
        distinct = {value: code for code, value in enumerate(dict.fromkeys(values))}
        codes = np.append([distinct[value] for value in values], NO_CODE)[codes]
        values = list(distinct)
    return Words(codes, values)


def numbers_of(column: pa.Array, *, name: str) -> npt.NDArray[np.float64]:
    """A column as float64 [N], NaN for missing; raises InvalidData naming the first row that holds no number."""
    if pa.types.is_dictionary(column.type):
        values = parsed(column.dictionary)
        if values is None:
            raise _no_number(column, name=name)
        column = values.take(column.indices)
    if pa.types.is_timestamp(column.type):
        raise InvalidData("it holds times, not numbers", place=f"column {name!r}")
    numbers: npt.NDArray[np.float64] = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _no_number(column: pa.DictionaryArray, *, name: str) -> InvalidData:
    """The first row whose word is no number."""
    words = column.dictionary
    wrong = [place for place in range(len(words)) if words[place].is_valid and parsed(words.slice(place, 1)) is None]
    rows = pc.is_in(column.indices, value_set=pa.array(wrong, column.indices.type))
    row = pc.index(rows, value=True).as_py()
    word = words[column.indices[row].as_py()].as_py()[:64]
    return InvalidData(f"{word!r} is no number", place=f"column {name!r}, data row {row + 1}")
