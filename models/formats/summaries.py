"""The profile of a source: types, missing values, extremes, outliers, duplicates and what looks wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.formats.duplicates import num_repeats, row_keys
from models.formats.image_files import ImageFiles
from models.formats.image_profiles import profile as profile_of_files
from models.formats.image_profiles import usual_shape
from models.formats.labelled import class_counts, part_counts, remarks
from models.formats.sources import Images, Source, Table, Texts
from models.profile import ColumnProfile, Lengths, Profile, TextShape, ValueCount

NUM_TOP_VALUES = 20
_MAX_VALUE_LETTERS = 100
_TEXT_LETTERS = 40
_TEXT_BLANKS = 2
_MIN_ROWS_FOR_IDS = 20


def profile(source: Source) -> Profile:
    """What is known about the source at a glance."""
    if isinstance(source, ImageFiles):
        return profile_of_files(source)
    if isinstance(source, Images):
        return _images(source)
    return _texts(source) if isinstance(source, Texts) else _table(source)


def _table(source: Table) -> Profile:
    columns = tuple(describe(name, source.columns[name].combine_chunks()) for name in source.columns.column_names)
    duplicates = num_repeats(row_keys(source))
    return Profile(
        kind="table",
        rows=len(source),
        columns=columns,
        split=part_counts(source.split),
        duplicates=duplicates,
        warnings=(*source.notes, *_warnings(columns, rows=len(source), duplicates=duplicates)),
    )


def _images(source: Images) -> Profile:
    duplicates = num_repeats(row_keys(source))
    return Profile(
        kind="images",
        rows=len(source),
        classes=class_counts(source),
        image=usual_shape(image.shape for image in source.pixels),
        split=part_counts(source.split),
        duplicates=duplicates,
        warnings=tuple(remarks(source, what="image", duplicates=duplicates)),
    )


def _texts(source: Texts) -> Profile:
    num_words = np.array([len(text.split()) for text in source.texts])
    num_letters = np.array([len(text) for text in source.texts])
    empty = int((num_words == 0).sum())
    duplicates = num_repeats(row_keys(source))
    warnings = list(remarks(source, what="text", duplicates=duplicates))
    if empty:
        warnings.append(f"{empty} {'text is' if empty == 1 else 'texts are'} empty")
    return Profile(
        kind="texts",
        rows=len(source),
        classes=class_counts(source),
        text=TextShape(characters=_lengths(num_letters), words=_lengths(num_words), empty=empty),
        split=part_counts(source.split),
        duplicates=duplicates,
        warnings=tuple(warnings),
    )


def _lengths(numbers: Any) -> Lengths:
    median, most, longest = np.quantile(numbers, (0.5, 0.95, 1), method="inverted_cdf").tolist()
    return Lengths(median=median, most=most, longest=longest)


def describe(name: str, column: pa.Array) -> ColumnProfile:
    """One column of a table, of any of the types that tables hold."""
    counts = pc.value_counts(column)
    values, sizes = counts.field("values"), counts.field("counts").to_numpy(zero_copy_only=False)
    if pa.types.is_dictionary(values.type):
        values = values.cast(pa.string())
    present = pc.is_valid(values).to_numpy(zero_copy_only=False)
    return ColumnProfile(
        name=name,
        missing=column.null_count,
        unique=int(present.sum()),
        top_values=tuple(_top(values, np.where(present, sizes, 0))),
        **_figures(column, values, sizes),
    )


def _figures(column: pa.Array, values: pa.Array, sizes: Any) -> dict[str, Any]:
    """Type and the figures that belong to it."""
    if pa.types.is_boolean(column.type):
        return {"type": "boolean"}
    if pa.types.is_timestamp(column.type):
        extremes = pc.min_max(column).as_py()
        return {"type": "datetime", "minimum": _iso(extremes["min"]), "maximum": _iso(extremes["max"])}
    if pa.types.is_dictionary(column.type):
        return {"type": "text" if _is_prose(values, rows=int(sizes.sum())) else "category"}
    numbers = column.drop_null().to_numpy().astype(np.float64)
    if not numbers.size:
        return {"type": "number"}
    return {
        "type": "number",
        "integer": pa.types.is_integer(column.type) or bool((numbers == np.rint(numbers)).all()),
        "minimum": float(numbers.min()),
        "maximum": float(numbers.max()),
        "mean": float(numbers.mean()),
        "outliers_iqr": _num_outliers(numbers),
    }


def _num_outliers(numbers: Any) -> int:
    """Numbers beyond 1.5 interquartile ranges outside the quartiles (Tukey's fences); 0 where that range is 0."""
    low, high = np.quantile(numbers, (0.25, 0.75))
    fence = 1.5 * (high - low)
    return int(((numbers < low - fence) | (numbers > high + fence)).sum()) if fence else 0


def _is_prose(values: pa.Array, *, rows: int) -> bool:
    """Values that hardly ever repeat, and are long or of several words: sentences rather than names of kinds."""
    if 2 * len(values) <= rows or rows < _MIN_ROWS_FOR_IDS:
        return False
    letters, blanks = pc.mean(pc.utf8_length(values)).as_py(), pc.mean(pc.count_substring(values, " ")).as_py()
    return bool(letters > _TEXT_LETTERS or blanks >= _TEXT_BLANKS)


def _top(values: pa.Array, sizes: Any) -> Iterator[ValueCount]:
    """The most frequent values; ties in order of their text where that matters little, so that equal data is equal."""
    most = np.argsort(-sizes, kind="stable")[: 4 * NUM_TOP_VALUES]
    named = [(_text(values[int(place)].as_py()), int(sizes[place])) for place in most if sizes[place]]
    for value, count in sorted(named, key=lambda item: (-item[1], item[0]))[:NUM_TOP_VALUES]:
        yield ValueCount(value=value, count=count)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (value if isinstance(value, str) else _iso(value) or "")[:_MAX_VALUE_LETTERS]


def _iso(value: Any) -> str | None:
    if value is None:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else f"{value}"


def _warnings(columns: tuple[ColumnProfile, ...], *, rows: int, duplicates: int) -> Iterator[str]:
    for column in columns:
        if column.missing == rows:
            yield f"column {column.name!r} is missing in every row"
        elif column.unique == 1 and not column.missing and rows > 1:
            yield f"column {column.name!r} has one value only"
        elif _looks_like_an_id(column, rows=rows):
            yield f"column {column.name!r} looks like an identifier: every value is different"
    if duplicates:
        yield f"{duplicates} {'row repeats' if duplicates == 1 else 'rows repeat'} an earlier row"


def _looks_like_an_id(column: ColumnProfile, *, rows: int) -> bool:
    if rows < _MIN_ROWS_FOR_IDS or column.unique != rows:
        return False
    if column.type == "number" and column.integer:
        return float(column.maximum or 0) - float(column.minimum or 0) == rows - 1
    return column.type == "category"
