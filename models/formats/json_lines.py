"""JSON lines: one flat object per line; keys that a line leaves out are missing values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import json as arrow_json

from models.errors import InvalidData
from models.formats import limits
from models.formats.archives import open_unpacked
from models.formats.columns import normalised
from models.formats.delimited import checked_names
from models.formats.options import MarkedOptions
from models.formats.sources import Table

_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "an array", dict: "an object"}


def read_jsonl(path: Path, options: MarkedOptions) -> Table:
    """The objects of the file as rows; raises InvalidData naming line and key."""
    try:
        with open_unpacked(path) as file:
            table = arrow_json.read_json(
                file, read_options=arrow_json.ReadOptions(use_threads=False, block_size=limits.MAX_CELL_BYTES)
            )
        table.validate(full=True)
        names = checked_names(table.column_names)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        with open_unpacked(path) as file:
            raise _mistake(file) or InvalidData(f"it cannot be read ({error})") from error
    if not table.num_rows or not table.num_columns:
        raise InvalidData("there are no rows")
    missing = frozenset(options.missing_values)
    columns = [
        normalised(column, name=name, missing=missing) for name, column in zip(names, table.columns, strict=True)
    ]
    return Table(pa.table(columns, names=list(names)))


def _mistake(lines: Iterable[bytes]) -> InvalidData | None:
    """The first line that is no flat object or contradicts the types of the lines before it."""
    kinds: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        place = f"line {number}"
        if len(line) > limits.MAX_CELL_BYTES:
            return InvalidData(f"it is longer than {limits.MAX_CELL_BYTES:,} bytes", place=place)
        try:
            row: Any = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError) as error:
            return InvalidData(f"it is no JSON ({error})", place=place)
        if not isinstance(row, dict):
            return InvalidData('a line is one object, such as {"age": 39}', place=place)
        for key, value in row.items():
            kind = _KINDS.get(type(value))
            if kind is not None and kinds.setdefault(key, kind) != kind:
                return InvalidData(f"{key!r} is {kind} here and {kinds[key]} in a line before", place=place)
    return InvalidData("the file is empty") if not kinds else None
