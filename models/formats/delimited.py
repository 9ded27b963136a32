"""CSV and TSV: every cell is read as text first, so that "01" stays a name and ` ?` can mean missing."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from models.errors import InvalidData
from models.formats import limits
from models.formats.archives import open_unpacked
from models.formats.columns import typed
from models.formats.options import CsvOptions, DelimitedOptions
from models.formats.sources import Table

_PROBE_BYTES = 1 << 16
_DEFAULT_ENCODING = "utf-8"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
csv.field_size_limit(limits.MAX_CELL_BYTES)


def read_csv(path: Path, options: CsvOptions) -> Table:
    """The rows of a CSV file; raises InvalidData naming row or column."""
    return _read(path, options, delimiter=options.delimiter)


def read_tsv(path: Path, options: DelimitedOptions) -> Table:
    """The rows of a TSV file; raises InvalidData naming row or column."""
    return _read(path, options, delimiter="\t")


def _read(path: Path, options: DelimitedOptions, *, delimiter: str) -> Table:
    options = _as_marked(path, options)
    first = _first_row(path, options, delimiter=delimiter)
    names = checked_names(first if options.columns is None else options.columns)
    if len(first) != len(names):
        raise InvalidData(f"it has {len(first)} cells, but {len(names)} columns are named", place="row 1")
    parse = _parse_spaced if _quotes_after_blanks(path, delimiter=delimiter) else _parse
    words = parse(path, options, names=names, delimiter=delimiter)
    if not words.num_rows:
        raise InvalidData("there are no rows")
    if _ends_inside_a_quote(path, words):
        raise InvalidData("a quote is not closed", place=f"row {words.num_rows + int(options.header)}")
    missing = frozenset(options.missing_values)
    columns = [typed(column, missing=missing, decimal=options.decimal) for column in words.columns]
    return Table(pa.table(columns, names=list(names)))


def _as_marked(path: Path, options: DelimitedOptions) -> DelimitedOptions:
    """The options with the encoding that a byte order mark tells, as that of UTF-16 does which spreadsheets write."""
    if options.encoding != _DEFAULT_ENCODING:
        return options
    with open_unpacked(path) as file:
        head = file.read(len(codecs.BOM_UTF16_LE))
    return options.model_copy(update={"encoding": "utf-16"}) if head in _UTF16_MARKS else options


def _first_row(path: Path, options: DelimitedOptions, *, delimiter: str) -> list[str]:
    """The cells of the first row that is not empty; raises InvalidData on an empty file and on an endless row."""
    with open_unpacked(path) as file:
        probe = file.read(limits.MAX_CELL_BYTES)
    whole = len(probe) < limits.MAX_CELL_BYTES
    try:
        text = codecs.getincrementaldecoder(options.encoding)().decode(probe, final=whole)
    except UnicodeError as error:
        raise _wrong_encoding(path, options) from error
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
    try:
        rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
        first = next(filter(None, rows), None)
    except csv.Error as error:
        raise _unreadable(error, place="row 1") from error
    if first is None:
        raise InvalidData("the file is empty")
    if not whole and lines.tell() == len(text):
        raise _endless("row 1")
    return [cell.strip() for cell in first]


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """The column names, if they are usable: there, not too many, each once. Raises InvalidData naming the column."""
    if len(names) > limits.MAX_COLUMNS:
        raise InvalidData(f"there are {len(names):,} columns; at most {limits.MAX_COLUMNS:,} are read")
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if not name:
            raise InvalidData("the header leaves its name empty", place=f"column {position}")
        if name in seen:
            raise InvalidData("the name comes twice in the header", place=f"column {name!r}")
        seen.add(name)
    return tuple(names)


def _parse(path: Path, options: DelimitedOptions, *, names: Sequence[str], delimiter: str) -> pa.Table:
    """All cells as text, by pyarrow."""
    bad: list[arrow_csv.InvalidRow] = []

    def stop_at(row: arrow_csv.InvalidRow) -> str:
        bad.append(row)
        return "error"

    try:
        with open_unpacked(path) as file:
            return arrow_csv.read_csv(
                file,
                read_options=arrow_csv.ReadOptions(
                    use_threads=False,  # row numbers of errors are known, and no thread pool has to survive a fork
                    block_size=limits.MAX_CELL_BYTES,
                    column_names=list(names),
                    skip_rows_after_names=int(options.header),
                    encoding=options.encoding,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=stop_at
                ),
                convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
            )
    except pa.ArrowInvalid as error:
        if bad:
            raise _ragged(bad[0].number, expected=bad[0].expected_columns, actual=bad[0].actual_columns) from error
        if "UTF8" in str(error):
            raise _wrong_encoding(path, options) from error
        if "straddling" in str(error):
            raise _endless("a row") from error
        raise InvalidData(f"it cannot be read ({error})") from error
    except UnicodeError as error:
        raise _wrong_encoding(path, options) from error


def _parse_spaced(path: Path, options: DelimitedOptions, *, names: Sequence[str], delimiter: str) -> pa.Table:
    """All cells as text, by the standard library: pyarrow takes a quote after a blank for a letter."""
    columns: list[list[str]] = [[] for _ in names]
    with open_unpacked(path) as file:
        text = io.TextIOWrapper(io.BytesIO(file.read()), encoding=options.encoding, newline="")
    rows = filter(None, csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True))
    number = 0
    try:
        for number, row in enumerate(rows, start=1):
            if len(row) != len(names):
                raise _ragged(number, expected=len(names), actual=len(row))
            for column, cell in zip(columns, row, strict=True):
                column.append(cell)
    except csv.Error as error:
        raise _unreadable(error, place=f"row {number + 1}") from error
    except UnicodeError as error:
        raise _wrong_encoding(path, options) from error
    return pa.table([pa.array(column[int(options.header) :], pa.string()) for column in columns], names=list(names))


def _quotes_after_blanks(path: Path, *, delimiter: str) -> bool:
    """Whether the beginning of the file has a quote after a delimiter and blanks."""
    with open_unpacked(path) as file:
        probe = file.read(_PROBE_BYTES)
    return re.search(re.escape(delimiter.encode()) + rb' +"', probe) is not None


def _ends_inside_a_quote(path: Path, words: pa.Table) -> bool:
    """Whether the last row has swallowed what looks like more rows; pyarrow does not mind a quote left open."""
    if not any("\n" in cell for cell in words.slice(words.num_rows - 1).to_pylist()[0].values()):
        return False
    with open_unpacked(path) as file:
        return sum(block.count(b'"') for block in iter(lambda: file.read(_PROBE_BYTES), b"")) % 2 == 1


def _ragged(number: int, *, expected: int, actual: int) -> InvalidData:
    return InvalidData(f"it has {actual} cells instead of {expected}", place=f"row {number}")


def _unreadable(error: csv.Error, *, place: str) -> InvalidData:
    message = "a quote is not closed" if "end of data" in str(error) else f"it cannot be read ({error})"
    return InvalidData(message, place=place)


def _endless(place: str) -> InvalidData:
    return InvalidData(f"it is longer than {limits.MAX_CELL_BYTES:,} bytes; is a quote not closed?", place=place)


def _wrong_encoding(path: Path, options: DelimitedOptions) -> InvalidData:
    """What to say of text in another encoding, with the line where that shows."""
    message = f'the text is not {options.encoding}; name its encoding, for example "encoding": "windows-1252"'
    with open_unpacked(path) as file:
        content = file.read()
    try:
        content.decode(options.encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].decode(options.encoding, errors="ignore").count("\n") + 1
        return InvalidData(message, place=f"line {line}")
    return InvalidData(message)
