"""From rows as clients send them to raw tensors, by the vocabulary fitted on the training rows."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InvalidData, InvalidRow
from models.formats.decoding import Framing, Shape, brought_to, decode
from worker.training.data.cells import Row, Unusual, as_raw_numbers, counts
from worker.training.data.covariates import Covariates
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
    """Rows such as {"series": [[1.0, 20.5], ...]}: the last `window` time steps, one value per column each.

    With `covariates`, words and times among them, a step has a cell for each of `sent`, and `columns` are what is made
    of those: the numbers first.
    """

    kind: ClassVar[str] = "series"
    columns: tuple[str, ...]
    window: int
    sent: tuple[str, ...] = ()
    covariates: Covariates | None = None

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
        """Windows with steps that have no value, or one that no training row had, by column."""
        windows = tensors["series"]
        if self.covariates is None:
            return Unusual(counts(self.columns, windows.isnan().any(dim=1)))
        num_numbers = len(self.columns) - len(self.covariates.names)
        missing = Counter(counts(self.columns[:num_numbers], windows[:, :, :num_numbers].isnan().any(dim=1)))
        unseen = Counter[str]()
        for window in windows[:, :, num_numbers:].double().numpy():
            gone, new = self.covariates.unusual(window)
            missing.update(name for name, holds in gone.items() if holds)
            unseen.update(name for name, holds in new.items() if holds)
        return Unusual(dict(missing), dict(unseen))

    def document(self) -> dict[str, Any]:
        """The encoding as plain JSON values."""
        document = {"kind": self.kind, "columns": list(self.columns), "window": self.window}
        if self.covariates is None:
            return document
        return {**document, "sent": list(self.sent), "covariates": self.covariates.document()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The encoding that `document` described."""
        columns, window = tuple(document["columns"]), document["window"]
        if "covariates" not in document:
            return cls(columns, window)
        return cls(columns, window, tuple(document["sent"]), Covariates.from_document(document["covariates"]))

    def _window(self, value: Any, place: str) -> npt.NDArray[np.float64]:
        return self._plain(value, place) if self.covariates is None else self._mixed(value, place, self.covariates)

    def _mixed(self, value: Any, place: str, covariates: Covariates) -> npt.NDArray[np.float64]:
        """A window whose steps hold words and times beside numbers."""
        is_list = isinstance(value, list) and all(isinstance(step, list) for step in value)
        if not is_list or len(value) < self.window or any(len(step) != len(self.sent) for step in value):
            wanted = f"{self.window} steps of {len(self.sent)} cells each: {', '.join(self.sent)}"
            raise InvalidData(f"its series is no list of {wanted}", place=place)
        steps = [dict(zip(self.sent, step, strict=True)) for step in value[-self.window :]]
        names = self.columns[: len(self.columns) - len(covariates.names)]
        numbers = _array([[step[name] for name in names] for step in steps], place=place, name="series")
        try:
            return np.concatenate([numbers, covariates.read(steps)], axis=1)
        except InvalidRow as error:
            raise InvalidData(error.message, place=place) from error

    def _plain(self, value: Any, place: str) -> npt.NDArray[np.float64]:
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
        return SeriesEncoding.from_document(document)
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
