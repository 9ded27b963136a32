"""Dataset formats: from a file of bytes to a typed table, or to images or texts with labels.

A format is one entry in `FORMATS` and one reader. Readers import numpy, pyarrow and Pillow; this table does not, so
that the API can list and check formats without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from models.errors import FieldError, Unprocessable
from models.formats.options import (
    CsvOptions,
    DelimitedOptions,
    ImagesOptions,
    MarkedOptions,
    Options,
    TextsOptions,
)

if TYPE_CHECKING:
    from models.formats.sources import Source


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a dataset down.

    `reader` names a function as `module:function`; it takes the path and the options and returns a Source, or raises
    InvalidData naming the row, column or file that is wrong.
    """

    name: str
    description: str
    options: type[Options]
    reader: str

    def read(self, path: Path, options: Options) -> Source:
        """The data in the file; imports the reader on first use."""
        module, _, function = self.reader.partition(":")
        reader = cast("Callable[[Path, Options], Source]", getattr(import_module(module), function))
        return reader(path, options)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Format(
                "csv",
                "Comma-separated values, or another delimiter; may be packed by gzip.",
                CsvOptions,
                "models.formats.delimited:read_csv",
            ),
            Format(
                "tsv",
                "Tab-separated values; may be packed by gzip.",
                DelimitedOptions,
                "models.formats.delimited:read_tsv",
            ),
            Format(
                "jsonl",
                "One flat JSON object per line; may be packed by gzip.",
                MarkedOptions,
                "models.formats.json_lines:read_jsonl",
            ),
            Format(
                "parquet",
                "Apache Parquet with flat columns.",
                MarkedOptions,
                "models.formats.parquet:read_parquet",
            ),
            Format(
                "npz",
                "NumPy arrays: x and y (or x_train, y_train, x_test, y_test) as images or rows, or one array a column.",
                Options,
                "models.formats.npz:read_npz",
            ),
            Format(
                "idx",
                "A zip or tar of *images-idx3-ubyte and *labels-idx1-ubyte files, plain or gzip; train and t10k apart.",
                Options,
                "models.formats.idx:read_idx",
            ),
            Format(
                "cifar",
                "A zip or tar of CIFAR-10's binary records, data_batch_1.bin and so on; test_batch.bin apart.",
                Options,
                "models.formats.cifar:read_cifar",
            ),
            Format(
                "images",
                "A zip or tar of images, one folder per class; train/ and test/ above them stay apart.",
                ImagesOptions,
                "models.formats.images:read_images",
            ),
            Format(
                "texts",
                "A zip or tar of text files, one folder per class; train/ and test/ above them stay apart.",
                TextsOptions,
                "models.formats.texts:read_texts",
            ),
        )
    }
)


def parse_options(format: str, options: Mapping[str, Any]) -> Options:  # noqa: A002 - the word clients use
    """The options of a format, every default filled in.

    Raises Unprocessable pointing at `#/format` or at the option that is wrong.
    """
    if format not in FORMATS:
        detail = f"There is no format named {format!r}; there are {', '.join(FORMATS)}."
        raise Unprocessable(detail, errors=[FieldError("#/format", detail)])
    try:
        return FORMATS[format].options.model_validate(dict(options))
    except ValidationError as error:
        mistakes = [
            FieldError("/".join(["#/options", *map(str, mistake["loc"])]), mistake["msg"].removeprefix("Value error, "))
            for mistake in error.errors(include_url=False, include_context=False)
        ]
        raise Unprocessable(f"The options do not fit the format {format}.", errors=mistakes) from error


def read(path: Path, *, format: str, options: Mapping[str, Any]) -> Source:  # noqa: A002 - the word clients use
    """The data in a file; raises InvalidData naming row and column or file, Unprocessable on unknown options."""
    checked = parse_options(format, options)
    return FORMATS[format].read(path, checked)
