"""From words to types: what a column of text cells means.

Works on the distinct values of a column where they repeat, so a million ages cost as much as the hundred different
ones. A value with leading zeros ("007") is a name, not a number; dates are ISO 8601; true and false are booleans.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from models.errors import InvalidData

WORDS = pa.dictionary(pa.int32(), pa.string())
TIMES = pa.timestamp("us")

_HEAD = 1024
_BLANKS = " \t\r\n\v\f"
_BOOLEANS = ("true", "false")
_WHOLE = r"[+-]?[0-9]{1,19}$"
_NUMBER = r"(?i)[+-]?(\.?[0-9]|nan|inf)"
_LEADING_ZERO = r"^[+-]?0[0-9]"
_DATE = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$"


def typed(column: pa.ChunkedArray, *, missing: Collection[str], decimal: str = ".") -> pa.Array:
    """A column of text cells as int64, float64, bool, timestamp or words; cells equal to one of `missing` are nulls."""
    if _repeats(column):
        encoded = column.dictionary_encode().unify_dictionaries().combine_chunks()
        values, indices = without(encoded.dictionary, missing), encoded.indices
    else:
        values, indices = without(column, missing), None
    if values.null_count < len(values):
        converted = _converted(pc.utf8_trim(values, characters=_BLANKS), decimal=decimal)
        if converted is not None:
            return converted.take(indices) if indices is not None else converted.combine_chunks()
    words = pc.utf8_ltrim(values, characters=_BLANKS)
    if indices is None:
        return words.dictionary_encode().unify_dictionaries().combine_chunks()
    return recoded(words, indices)


def _repeats(column: pa.ChunkedArray) -> bool:
    """Whether the first cells repeat so often that working on distinct values is cheaper."""
    head = column.slice(0, _HEAD)
    return 2 * len(head.unique()) < len(head)


def recoded(values: pa.Array, indices: pa.Array) -> pa.DictionaryArray:
    """Words from a dictionary that may hold nulls and, after trimming, the same word twice."""
    encoded = pc.dictionary_encode(values)
    return pa.DictionaryArray.from_arrays(encoded.indices.take(indices), encoded.dictionary)


def without(values: Any, missing: Collection[str]) -> Any:
    """The text values with those that mean "missing", whatever blanks surround them, replaced by nulls."""
    if not missing:
        return values
    marked = pc.is_in(pc.utf8_trim(values, characters=_BLANKS), value_set=_marks(frozenset(missing)))
    return pc.if_else(marked, pa.scalar(None, pa.string()), values)


@lru_cache(maxsize=64)
def _marks(missing: frozenset[str]) -> pa.Array:
    return pa.array(sorted(missing), pa.string())


def normalised(column: pa.ChunkedArray, *, name: str, missing: Collection[str]) -> pa.Array:
    """A column that came with a type of its own as one of the types that tables hold.

    Raises InvalidData naming the column where its type is none of those: nested, binary, a duration.
    """
    if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
        words = column.unify_dictionaries().combine_chunks()
        values = pc.cast(words.dictionary, pa.string())
        return recoded(without(values, missing), pc.cast(words.indices, pa.int32()))
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = pc.cast(array, array.type.value_type)
    kind = array.type
    if pa.types.is_null(kind):
        return pc.cast(array, pa.string()).dictionary_encode()
    if pa.types.is_boolean(kind):
        return array
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return pc.cast(array, pa.int64())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return finite(pc.cast(array, pa.float64(), safe=False))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.cast(array, pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False).cast(TIMES)
    if _is_text(kind):
        words = pc.cast(array, pa.string()).dictionary_encode()
        return recoded(without(words.dictionary, missing), words.indices)
    raise InvalidData(
        f"values of type {kind} are not read; numbers, text, booleans and times are", place=f"column {name!r}"
    )


def _converted(values: Any, *, decimal: str) -> Any:
    """The trimmed values as booleans, numbers or times, or None for words; the first one says what to try."""
    first = _first(values)
    if first.lower() in _BOOLEANS:
        lower = pc.utf8_lower(values)
        fits = pc.all(pc.is_in(lower, value_set=pa.array([*_BOOLEANS, None]))).as_py()
        return pc.equal(lower, "true") if fits else None
    if re.match(_DATE, first):
        return _times(values) if pc.all(pc.match_substring_regex(values, _DATE)).as_py() else None
    if decimal != ".":
        values, first = pc.replace_substring(values, decimal, "."), first.replace(decimal, ".")
    converted = numbers(values) if re.match(_NUMBER, first) else None
    if converted is None or pc.any(pc.match_substring_regex(values, _LEADING_ZERO)).as_py():
        return None
    return converted


def _first(values: Any) -> str:
    """The first value that is not missing."""
    place = pc.index(pc.is_valid(values), value=True).as_py()
    return str(values[place].as_py())


def numbers(values: Any) -> Any:
    """The text values as int64 or finite float64, or None where one of them is no number."""
    if len(values) > values.null_count and re.match(_WHOLE, _first(values)):
        with suppress(pa.ArrowInvalid):
            return pc.cast(values, pa.int64())
    with suppress(pa.ArrowInvalid):
        return finite(pc.cast(values, pa.float64()))
    return None


def finite(column: Any) -> Any:
    """A float column with nulls in place of NaN and infinities."""
    return pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))


def _times(values: Any) -> Any:
    for kind in (TIMES, pa.timestamp("us", tz="UTC")):
        with suppress(pa.ArrowInvalid):
            return pc.cast(values, kind).cast(TIMES)
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
