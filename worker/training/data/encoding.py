"""From rows as clients send them to raw tensors, by the vocabulary fitted on the training rows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InvalidData, InvalidRow
from models.formats.decoding import Framing, Shape, brought_to, decode
from worker.training.data.cells import Row, Unusual, as_raw_numbers, counts
from worker.training.data.signature import plain
from worker.training.data.table_encoding import TableEncoding
from worker.training.data.text_encoding import TextEncoding

Read = TypeVar("Read")


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
        return Unusual(counts(self.columns, tensors["series"].isnan().any(dim=1)))

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


def restored(document: Mapping[str, Any]) -> TableEncoding | ImageEncoding | SeriesEncoding | TextEncoding:
    """The encoding that `document` described."""
    values: dict[str, Any] = {}
    for key, value in document.items():
        values[key] = tuple(value) if isinstance(value, list) else value
    del values["kind"]
    if document["kind"] == "text":
        return TextEncoding.from_document(document)
    if document["kind"] == "image":
        return ImageEncoding(**values)
    if document["kind"] == "series":
        return SeriesEncoding(**values)
    return TableEncoding.from_document(values)


def _read(rows: Sequence[Row], name: str, read: Callable[[Any, str], Read]) -> list[Read]:
    """One field of every row; raises InvalidRow naming the row that `read` cannot read."""
    values = []
    for number, row in enumerate(rows):
        try:
            values.append(read(row.get(name), f"row {number + 1}"))
        except InvalidData as error:
            raise InvalidRow(error.message, row=number, field=name) from error
    return values


def _array(value: Any, *, place: str, name: str) -> npt.NDArray[np.float64]:
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidData(f"its {name} is no rectangular list of numbers", place=place) from error
