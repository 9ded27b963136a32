"""The options of each format, declared when a dataset is; strict, and small enough for the API to import."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from models.formats import limits

MISSING_VALUES = ("", "?", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL")


class Options(BaseModel):
    """A format without options; the others extend it. Unknown names and lax types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _one_printable(text: str) -> str:
    if text in {'"', "\r", "\n"} or not (text.isprintable() or text == "\t") or not text.isascii():
        raise ValueError("the delimiter is one ASCII character, and neither a quote nor a line break")
    return text


def _text_encoding(name: str) -> str:
    try:
        "".encode(codecs.lookup(name).name)
    except LookupError as error:
        raise ValueError(
            f"there is no text encoding named {name!r}; utf-8, utf-16 and windows-1252 are common"
        ) from error
    return name


def _distinct(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for position, name in enumerate(names or ()):
        if name in (names or ())[:position]:
            raise ValueError(f"the name {name!r} comes twice")
    return names


Delimiter = Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_one_printable)]
Encoding = Annotated[str, Field(min_length=1, max_length=32), AfterValidator(_text_encoding)]
Names = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=limits.MAX_NAME_BYTES)], ...],
    Field(min_length=1, max_length=limits.MAX_COLUMNS, strict=False),
]
Markers = Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Field(max_length=256, strict=False)]


class MarkedOptions(Options):
    """Formats with text cells."""

    missing_values: Markers = Field(
        MISSING_VALUES, description="Cells with one of these texts, blanks around them aside, are missing."
    )


class DelimitedOptions(MarkedOptions):
    """Tab-separated values."""

    header: bool = Field(default=True, description="Whether the first row holds the names of the columns.")
    columns: Annotated[Names | None, AfterValidator(_distinct)] = Field(
        None, description="Names of the columns; needed without a header, and used in its place with one."
    )
    encoding: Encoding = Field(
        "utf-8", description="Encoding of the text; a byte order mark of UTF-16 is gone by where this is utf-8."
    )
    decimal: Literal[".", ","] = Field(".", description="Character before the fraction of a number.")

    @model_validator(mode="after")
    def _columns_have_names(self) -> Self:
        if not self.header and self.columns is None:
            raise ValueError('without a header the names are needed: "columns": ["age", "workclass", ...]')
        return self


class CsvOptions(DelimitedOptions):
    """Comma-separated values, or another delimiter."""

    delimiter: Delimiter = Field(",", description="Character between two cells.")


class ImagesOptions(Options):
    """An archive of images in one folder per class."""

    max_side: Annotated[int, Field(ge=8, le=4096)] = Field(
        512, description="Images whose longer side is longer than this are shrunk to it while they are read."
    )


class TextsOptions(Options):
    """An archive of text files in one folder per class."""

    texts: Literal["files", "lines"] = Field(
        "files",
        description="What one text is: a file, or each line of a file that is not blank; a file of lines that lies in "
        "no class folder is a class of its own.",
    )
    encoding: Literal["auto"] | Encoding = Field(
        "auto",
        description="Encoding of the files; auto goes by the byte order mark, takes UTF-8 where there is none, and "
        "Windows-1252 for a file that is not UTF-8, which the profile notes.",
    )
