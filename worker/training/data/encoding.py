"""From rows as clients send them to raw tensors, by the vocabulary fitted on the training rows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InvalidData, InvalidRow
from models.formats.decoding import Framing, Shape, brought_to, decode
from worker.training.data.modules import MISSING, NUM_RESERVED_CODES, UNSEEN
from worker.training.data.signature import plain

Row = Mapping[str, Any]
Read = TypeVar("Read")

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Unusual:
    """Per field, in how many rows it had no value (`missing`) or one that no training row had (`unseen`)."""

    missing: dict[str, int] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)


class Encoding(Protocol):
    """Encodes rows as clients send them; `document` is what a checkpoint keeps of it."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names that it reads of a row."""
        ...

    def encode(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """Raw tensors of the rows, on the CPU; raises InvalidRow naming row and field."""
        ...

    def unusual(self, tensors: Mapping[str, Tensor]) -> Unusual:
        """What is missing or unseen in encoded rows."""
        ...

    def document(self) -> dict[str, Any]:
        """The encoding as plain JSON values."""
        ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The known values of one categorical column, as text, in the order of their codes."""

    name: str
    values: tuple[str, ...]

    @property
    def cardinality(self) -> int:
        """Codes in all: missing, unseen, and one per known value."""
        return len(self.values) + NUM_RESERVED_CODES


@dataclass(frozen=True, slots=True)
class TableEncoding:
    """Rows of named values; what a row leaves out is missing, columns it has besides are not looked at."""

    kind: ClassVar[str] = "table"
    numbers: tuple[str, ...]
    categories: tuple[Vocabulary, ...]
    missing_values: tuple[str, ...]
    strip: bool

    @property
    def fields(self) -> tuple[str, ...]:
        """The feature columns."""
        return (*self.numbers, *(vocabulary.name for vocabulary in self.categories))

    def encode(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """ "numbers" float32 [N, F] and "categories" int64 [N, K]; raises InvalidRow naming row and column."""
        _check_cells(rows, self.fields)
        tensors: dict[str, Tensor] = {}
        if self.numbers:
            numbers = [
                [self._number(row.get(name), number, name) for name in self.numbers] for number, row in enumerate(rows)
            ]
            tensors["numbers"] = as_raw_numbers(np.array(numbers, np.float64).reshape(len(rows), len(self.numbers)))
        if self.categories:
            tables = [{value: code for code, value in enumerate(v.values, NUM_RESERVED_CODES)} for v in self.categories]
            codes = [
                [self._code(row.get(v.name), table) for v, table in zip(self.categories, tables, strict=True)]
                for row in rows
            ]
            tensors["categories"] = torch.tensor(codes, dtype=torch.int64).reshape(len(rows), len(tables))
        return tensors

    def unusual(self, tensors: Mapping[str, Tensor]) -> Unusual:
        """Cells without a value, and words that no training row had."""
        missing: dict[str, int] = {}
        unseen: dict[str, int] = {}
        if self.numbers:
            missing |= _counts(self.numbers, tensors["numbers"].isnan())
        if self.categories:
            names = [vocabulary.name for vocabulary in self.categories]
            missing |= _counts(names, tensors["categories"] == MISSING)
            unseen |= _counts(names, tensors["categories"] == UNSEEN)
        return Unusual(missing, unseen)

    def document(self) -> dict[str, Any]:
        """The encoding as plain JSON values."""
        return {"kind": self.kind, **plain(self)}

    def _tidied(self, value: Any) -> str | None:
        """A cell as the text that the vocabulary knows, None for missing."""
        if value is None:
            return None
        text = as_word(value)
        text = text.strip() if self.strip else text
        return None if text.strip() in self.missing_values else text

    def _number(self, value: Any, row: int, name: str) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return np.nan if as_word(value) in self.missing_values else float(value)
        text = self._tidied(value)
        try:
            return np.nan if text is None else float({"true": "1", "false": "0"}.get(text, text))
        except ValueError:
            raise InvalidRow(f"{str(text)[:64]!r} is no number", row=row, field=name) from None

    def _code(self, value: Any, table: Mapping[str, int]) -> int:
        text = self._tidied(value)
        return MISSING if text is None else table.get(text, UNSEEN)


@dataclass(frozen=True, slots=True)
class ImageEncoding:
    """Rows such as {"image": "<base64 of a file>"} or {"image": [[0, 255], [12, 0]]}, resized as in training."""

    kind: ClassVar[str] = "image"
    height: int
    width: int
    channels: int
    framing: Framing = "stretch"

    @property
    def fields(self) -> tuple[str, ...]:
        """The image alone."""
        return ("image",)

    def encode(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """ "image" uint8 [N, C, H, W]; raises InvalidRow naming the row."""
        shape = Shape(self.height, self.width, self.channels, self.framing)
        pixels = _read(rows, "image", lambda value, place: self._pixels(value, shape, place))
        empty = np.empty((0, self.height, self.width, self.channels), np.uint8)
        stacked = np.stack(pixels) if pixels else empty
        return {"image": torch.from_numpy(stacked.transpose(0, 3, 1, 2).copy())}

    def unusual(self, tensors: Mapping[str, Tensor]) -> Unusual:  # noqa: ARG002
        """Nothing: every image is whole."""
        return Unusual()

    def document(self) -> dict[str, Any]:
        """The encoding as plain JSON values."""
        return {"kind": self.kind, **plain(self)}

    @staticmethod
    def _pixels(value: Any, shape: Shape, place: str) -> npt.NDArray[np.uint8]:
        if isinstance(value, str):
            try:
                content = base64.b64decode(value.removeprefix("data:").partition(";base64,")[2] or value, validate=True)
            except binascii.Error as error:
                raise InvalidData("its image is no base64", place=place) from error
            return decode(content, shape=shape, place=place)
        array = _array(value, place=place, name="image")
        if array.ndim == 2:
            array = array[:, :, None]
        if array.ndim != 3 or array.shape[2] not in {1, 3} or not array.size:
            raise InvalidData(
                f"its image has the shape {list(array.shape)} instead of [H, W] or [H, W, 3]", place=place
            )
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 255:
            raise InvalidData("its pixels are not all between 0 and 255", place=place)
        return brought_to(np.rint(array).astype(np.uint8), shape)


@dataclass(frozen=True, slots=True)
class SeriesEncoding:
    """Rows such as {"series": [[1.0, 20.5], ...]}: the last `window` time steps, one value per column each."""

    kind: ClassVar[str] = "series"
    columns: tuple[str, ...]
    window: int

    @property
    def fields(self) -> tuple[str, ...]:
        """The window alone."""
        return ("series",)

    def encode(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """ "series" float32 [N, T, F]; raises InvalidRow naming the row."""
        windows = _read(rows, "series", self._window)
        shape = (len(rows), self.window, len(self.columns))
        return {"series": as_raw_numbers(np.array(windows, np.float64).reshape(shape))}

    def unusual(self, tensors: Mapping[str, Tensor]) -> Unusual:
        """Windows with steps that have no value, by column."""
        return Unusual(_counts(self.columns, tensors["series"].isnan().any(dim=1)))

    def document(self) -> dict[str, Any]:
        """The encoding as plain JSON values."""
        return {"kind": self.kind, **plain(self)}

    def _window(self, value: Any, place: str) -> npt.NDArray[np.float64]:
        array = _array(value, place=place, name="series")
        if array.ndim == 1 and len(self.columns) == 1:
            array = array[:, None]
        if array.ndim != 2 or array.shape[1] != len(self.columns) or len(array) < self.window:
            wanted = f"[{self.window}, {len(self.columns)}] of {', '.join(self.columns)}"
            raise InvalidData(f"its series has the shape {list(array.shape)} instead of {wanted}", place=place)
        return array[-self.window :]


def restored(document: Mapping[str, Any]) -> TableEncoding | ImageEncoding | SeriesEncoding:
    """The encoding that `document` described."""
    values: dict[str, Any] = {}
    for key, value in document.items():
        values[key] = tuple(value) if isinstance(value, list) else value
    del values["kind"]
    if document["kind"] == "image":
        return ImageEncoding(**values)
    if document["kind"] == "series":
        return SeriesEncoding(**values)
    vocabularies = tuple(Vocabulary(entry["name"], tuple(entry["values"])) for entry in values.pop("categories"))
    return TableEncoding(categories=vocabularies, **values)


def as_word(value: Any) -> str:
    """A value as the text that stands for it in a vocabulary: 3 and 3.0 are one value, and so are true and "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, datetime) else str(value)


def as_raw_numbers(numbers: npt.NDArray[np.float64]) -> Tensor:
    """Float32 of the same shape; what is not finite there becomes NaN, which means missing."""
    fine = np.abs(numbers) <= _LARGEST
    return torch.from_numpy(np.where(fine, numbers, np.nan).astype(np.float32))


def _read(rows: Sequence[Row], name: str, read: Callable[[Any, str], Read]) -> list[Read]:
    """One field of every row; raises InvalidRow naming the row that `read` cannot read."""
    values = []
    for number, row in enumerate(rows):
        try:
            values.append(read(row.get(name), f"row {number + 1}"))
        except InvalidData as error:
            raise InvalidRow(error.message, row=number, field=name) from error
    return values


def _check_cells(rows: Sequence[Row], names: Sequence[str]) -> None:
    for number, row in enumerate(rows):
        for name in names:
            if isinstance(row.get(name), dict | list):
                raise InvalidRow("a cell is a number, a text, true, false or null", row=number, field=name)


def _counts(names: Sequence[str], holds: Tensor) -> dict[str, int]:
    """In how many of N rows it holds, [N, names], for the names that it holds of at all."""
    return {name: count for name, count in zip(names, holds.sum(0).tolist(), strict=True) if count}


def _array(value: Any, *, place: str, name: str) -> npt.NDArray[np.float64]:
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidData(f"its {name} is no rectangular list of numbers", place=place) from error
