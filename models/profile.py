"""What is known about a dataset once its bytes were read: an upload's answer, and what a spec is resolved against."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

ColumnType = Literal["number", "category", "text", "datetime", "boolean"]
DatasetKind = Literal["table", "images", "texts"]


class Frozen(BaseModel):
    """A record that nobody changes and that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ValueCount(Frozen):
    """One value of a column, as text, and the number of rows that hold it."""

    value: str
    count: int


class ColumnProfile(Frozen):
    """One column of a table. Figures that make no sense for its type are None.

    `unique` counts distinct values without the missing ones; `minimum` and `maximum` are numbers, or ISO 8601 text for
    datetimes; `outliers_iqr` counts numbers further than 1.5 interquartile ranges outside the quartiles (0 where that
    range is 0); `top_values` are the most frequent values, most frequent first, ties in order of their text.
    """

    name: str
    type: ColumnType
    missing: int
    unique: int
    integer: bool = False
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    outliers_iqr: int | None = None
    top_values: tuple[ValueCount, ...] = ()


class ImageShape(Frozen):
    """Pixels of the images: all of one size, or the most frequent size when `varied`."""

    height: int
    width: int
    channels: int
    varied: bool = False


class Lengths(Frozen):
    """How long texts are: half of them have at most `median`, 95 % at most `most`, and all at most `longest`."""

    median: int
    most: int
    longest: int


class TextShape(Frozen):
    """Lengths of the texts in characters and in words, runs of what is no blank; `empty` texts have no word."""

    characters: Lengths
    words: Lengths
    empty: int = 0


class Profile(Frozen):
    """A dataset at a glance.

    `classes` maps a label to its number of rows for images and texts; the classes of a table are the values of whatever
    column a job names as target. `split` counts the rows of the official parts (train, validation, test) where the data
    brings its own split. `duplicates` counts rows that repeat an earlier row. `target` and `task` are what a shipped
    sample is meant for, so that a spec may leave them out; an upload has none.
    """

    kind: DatasetKind
    rows: int
    columns: tuple[ColumnProfile, ...] = ()
    classes: dict[str, int] | None = None
    image: ImageShape | None = None
    text: TextShape | None = None
    split: dict[str, int] | None = None
    duplicates: int = 0
    target: str | None = None
    task: Literal["classification", "regression", "forecasting"] | None = None
    warnings: tuple[str, ...] = ()

    def column(self, name: str) -> ColumnProfile | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)
