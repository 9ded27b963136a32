"""From words to types: what a column of text cells means.

Works on the distinct values of a dictionary-encoded column, so a million ages cost as much as the hundred different
ones. A value with leading zeros ("007") is a name, not a number; dates are ISO 8601; true and false are booleans.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from models.errors import InvalidData

WORDS = pa.dictionary(pa.int32(), pa.string())
TIMES = pa.timestamp("us")

_BLANKS = " \t\r\n\v\f"
_LEADING_ZERO = r"^[+-]?0[0-9]"
_DATE = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$"


def typed(column: pa.DictionaryArray, *, missing: Collection[str], decimal: str = ".") -> pa.Array:
    """The column as int64, float64, bool, timestamp or words; cells equal to one of `missing` become nulls."""
    values = without(column.dictionary, missing)
    trimmed = pc.utf8_trim(values, characters=_BLANKS)
    converted = _converted(trimmed, decimal=decimal) if values.null_count < len(values) else None
    if converted is not None:
        return converted.take(column.indices)
    return recoded(pc.utf8_ltrim(values, characters=_BLANKS), column.indices)


def recoded(values: pa.Array, indices: pa.Array) -> pa.DictionaryArray:
    """Words from a dictionary that may hold nulls and, after trimming, the same word twice."""
    encoded = pc.dictionary_encode(values)
    return pa.DictionaryArray.from_arrays(encoded.indices.take(indices), encoded.dictionary)


def without(values: pa.Array, missing: Collection[str]) -> pa.Array:
    """The text values with those that mean "missing", whatever blanks surround them, replaced by nulls."""
    if not missing:
        return values
    marked = pc.is_in(pc.utf8_trim(values, characters=_BLANKS), value_set=pa.array(sorted(missing), pa.string()))
    return pc.if_else(marked, pa.scalar(None, pa.string()), values)


def finite(column: pa.Array) -> tuple[pa.Array, int]:
    """A float column with NaN and infinities as nulls, and how many infinities there were."""
    fine = pc.is_finite(column)
    infinite = pc.sum(pc.is_inf(column)).as_py() or 0
    return pc.if_else(fine, column, pa.scalar(None, column.type)), infinite


def normalised(column: pa.ChunkedArray, *, name: str, missing: Collection[str]) -> pa.Array:
    """A column that came with a type of its own as one of the types that tables hold.

    Raises InvalidData naming the column where its type is none of those: nested, binary, a duration.
    """
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
        return finite(pc.cast(array, pa.float64(), safe=False))[0]
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.cast(array, pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False).cast(TIMES)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        words = pc.cast(array, pa.string()).dictionary_encode()
        return recoded(without(words.dictionary, missing), words.indices)
    raise InvalidData(
        f"values of type {kind} are not read; numbers, text, booleans and times are", place=f"column {name!r}"
    )


def _converted(values: pa.Array, *, decimal: str) -> pa.Array | None:
    """The trimmed distinct values as booleans, numbers or times, or None where they are words."""
    if pc.all(pc.is_in(pc.utf8_lower(values), value_set=pa.array(["true", "false", None]))).as_py():
        return pc.if_else(pc.is_null(values), pa.scalar(None, pa.bool_()), pc.equal(pc.utf8_lower(values), "true"))
    if pc.any(pc.match_substring_regex(values, _LEADING_ZERO)).as_py():
        return None
    if pc.all(pc.match_substring_regex(values, _DATE)).as_py():
        return _times(values)
    return numbers(values if decimal == "." else pc.replace_substring(values, decimal, "."))


def numbers(values: pa.Array) -> pa.Array | None:
    """The text values as int64 or finite float64, or None where one of them is no number."""
    for kind in (pa.int64(), pa.float64()):
        try:
            converted = pc.cast(values, kind)
        except pa.ArrowInvalid:
            continue
        return finite(converted)[0] if kind == pa.float64() else converted
    return None


def _times(values: pa.Array) -> pa.Array | None:
    for kind in (TIMES, pa.timestamp("us", tz="UTC")):
        try:
            return pc.cast(values, kind).cast(TIMES)
        except pa.ArrowInvalid:
            continue
    return None
