"""What is put right in a table before it is split: blanks, missing values, rows without an answer, repeated rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.errors import InvalidData
from models.formats.columns import recoded, without
from models.formats.duplicates import first_of_each, table_keys
from models.formats.sources import Table
from models.spec import JobSpec
from worker.training.data.report import Report
from worker.training.data.words import Tidy


def cleaned(table: Table, spec: JobSpec, report: Report) -> tuple[Table, npt.NDArray[np.int64]]:
    """The columns that a job uses, tidied, without the rows that it cannot use; and where each row stood, from 0.

    The rows of a forecast stay as they are, because leaving one out would bend time. Raises InvalidData when a column
    or every row is missing.
    """
    target = target_name(spec)
    names = list(dict.fromkeys([*spec.data.features, target, *split_columns(spec)]))
    _all_there(table, names)
    tidy = Tidy.of(spec.cleaning.text)
    columns = [tidied(table.columns[name].combine_chunks(), missing=marks_of(spec, name), tidy=tidy) for name in names]
    used = Table(pa.table(columns, names=names), table.split)
    rows = np.arange(len(used))
    if spec.task != "forecasting":
        rows = _answered(used, target, report)
        if spec.cleaning.duplicates == "drop":
            rows = _distinct(used, rows, [*spec.data.features, target], report)
    return (used if len(rows) == len(used) else kept(used, rows)), rows


def target_name(spec: JobSpec) -> str:
    """The column to predict; raises InvalidData when the job names none."""
    if spec.data.target is None:
        raise InvalidData("the job names no target column")
    return spec.data.target


def split_columns(spec: JobSpec) -> list[str]:
    """The column that the split looks at, if there is one."""
    column = getattr(spec.data.split, "column", None)
    return [] if column is None else [column]


def marks(missing_values: Sequence[str]) -> tuple[str, ...]:
    """The texts that mean "missing", and for those that are numbers every way to write them."""
    written = [f"{value:g}" for value in map(_number, missing_values) if value is not None]
    return tuple(dict.fromkeys([*missing_values, *written]))


def marks_of(spec: JobSpec, name: str) -> tuple[str, ...]:
    """The texts that mean "missing" in one column."""
    feature = spec.data.features.get(name)
    return marks([*spec.cleaning.missing_values, *(feature.missing_values if feature else ())])


def tidied(column: pa.Array, *, missing: Collection[str], tidy: Tidy) -> pa.Array:
    """The column with words tidied and marks of missing values, as they were written, as nulls."""
    if pa.types.is_dictionary(column.type):
        words = without(column.dictionary, missing).to_pylist()
        values = pa.array([None if word is None else tidy(word) for word in words], pa.string())
        return recoded(values, column.indices)
    numbers = [number for number in map(_number, missing) if number is not None]
    if numbers and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        marked = pc.is_in(pc.cast(column, pa.float64()), value_set=pa.array(numbers, pa.float64()))
        return pc.if_else(marked, pa.scalar(None, column.type), column)
    return column


def kept(table: Table, rows: npt.NDArray[Any]) -> Table:
    """The table with only these rows: a mask, or indices in the order wanted."""
    split = None if table.split is None else table.split[rows]
    picked = table.columns.filter(pa.array(rows)) if rows.dtype == np.bool_ else table.columns.take(pa.array(rows))
    return Table(picked.combine_chunks(), split)


def _all_there(table: Table, names: Sequence[str]) -> None:
    for name in names:
        if name not in table.columns.column_names:
            there = ", ".join(table.columns.column_names[:20])
            raise InvalidData(f"there is no such column; the columns are {there}", place=f"column {name!r}")


def _answered(table: Table, target: str, report: Report) -> npt.NDArray[np.int64]:
    """The rows that have an answer."""
    present = pc.is_valid(table.columns[target]).combine_chunks().to_numpy(zero_copy_only=False)
    report.drop_rows("without_target", int(len(present) - present.sum()))
    if not present.any():
        raise InvalidData("the target is missing in every row", place=f"column {target!r}")
    return np.flatnonzero(present)


def _distinct(table: Table, rows: npt.NDArray[np.int64], names: Sequence[str], report: Report) -> npt.NDArray[np.int64]:
    """Those of the rows that do not repeat an earlier one of them."""
    first = first_of_each(table_keys(table, names)[rows])
    report.drop_rows("duplicates", len(rows) - len(first))
    return rows[first]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
