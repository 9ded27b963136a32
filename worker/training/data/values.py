"""Columns of a table as arrays of numbers or of codes into their distinct values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.errors import InvalidData
from models.formats.columns import numbers as parsed
from worker.training.data.cells import as_word, within_reach

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


def texts_of(column: pa.Array) -> list[str | None]:
    """A column of words as texts, None for missing."""
    texts: list[str | None] = pc.cast(column, pa.string()).to_pylist()
    return texts


def numbers_of(column: pa.Array, *, name: str) -> npt.NDArray[np.float64]:
    """A column as float64 [N], NaN for missing; raises InvalidData naming the first row that holds no number."""
    return coerced(column, name=name, most=0.0)[0]


def coerced(column: pa.Array, *, name: str, most: float) -> tuple[npt.NDArray[np.float64], int]:
    """A column as float64 [N], NaN for missing, for words and for what single precision cannot hold; and the number of
    words.

    Raises InvalidData naming the first row that holds a word where they are more than a share `most` of its values.
    """
    if pa.types.is_timestamp(column.type):
        raise InvalidData("it holds times, not numbers", place=f"column {name!r}")
    num_words = 0
    if pa.types.is_dictionary(column.type):
        values = parsed(column.dictionary)
        if values is None:
            values = _read_each(column.dictionary)
            num_words = values.take(column.indices).null_count - column.null_count
            if num_words > most * (len(column) - column.null_count):
                raise _no_number(column, values, name=name, most=most, num_words=num_words)
        column = values.take(column.indices)
    numbers: npt.NDArray[np.float64] = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return within_reach(numbers), num_words


def _read_each(words: pa.Array) -> pa.Array:
    """Words one by one as numbers, null for those that are none."""
    pieces = [parsed(words.slice(place, 1)) if words[place].is_valid else None for place in range(len(words))]
    return pa.array([None if piece is None else piece[0].as_py() for piece in pieces], pa.float64())


def _no_number(column: pa.DictionaryArray, values: pa.Array, *, name: str, most: float, num_words: int) -> InvalidData:
    """Names the first row whose word is no number."""
    wrong = pc.and_(pc.is_null(values), pc.is_valid(column.dictionary)).to_numpy(zero_copy_only=False)
    indices = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    row = int(np.flatnonzero((indices >= 0) & wrong[indices])[0])
    word = column.dictionary[int(indices[row])].as_py()[:64]
    others = f"; {num_words} of {len(column)} rows hold words, more than max_coerced allows" if most else ""
    return InvalidData(f"{word!r} is no number{others}", place=f"column {name!r}, data row {row + 1}")
