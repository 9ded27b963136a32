"""Parquet with flat columns, checked by its own footer before anything is unpacked."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from models.errors import InvalidData
from models.formats import limits
from models.formats.columns import normalised
from models.formats.delimited import checked_names
from models.formats.options import MarkedOptions
from models.formats.sources import Table

_MAX_FOOTER_BYTES = 64 << 20


def read_parquet(path: Path, options: MarkedOptions) -> Table:
    """The rows of a Parquet file; raises InvalidData naming the column."""
    try:
        with parquet.ParquetFile(
            path, thrift_string_size_limit=_MAX_FOOTER_BYTES, thrift_container_size_limit=1_000_000, pre_buffer=False
        ) as file:
            names = checked_names(file.schema_arrow.names)
            _check_claims(file.metadata, packed_bytes=path.stat().st_size)
            words = [field.name for field in file.schema_arrow if _is_text(field.type)]
            # words stay dictionary-encoded: a megabyte named once and used a million times is no terabyte
            table = parquet.read_table(path, use_threads=False, pre_buffer=False, read_dictionary=words)
            table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InvalidData(f"it is no Parquet file, or a damaged one ({error})") from error
    if not table.num_rows:
        raise InvalidData("there are no rows")
    missing = frozenset(options.missing_values)
    columns = [
        normalised(column, name=name, missing=missing) for name, column in zip(names, table.columns, strict=True)
    ]
    return Table(pa.table(columns, names=list(names)))


def _check_claims(metadata: parquet.FileMetaData, *, packed_bytes: int) -> None:
    if metadata.num_rows * metadata.num_columns > limits.MAX_CELLS:
        raise InvalidData(f"there are {metadata.num_rows:,} rows of {metadata.num_columns:,} columns, too many to hold")
    unpacked_bytes = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if unpacked_bytes > limits.MAX_UNPACKED_BYTES:
        raise InvalidData(f"it unpacks from {packed_bytes:,} to {unpacked_bytes:,} bytes, too many to hold")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
