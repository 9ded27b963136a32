"""Rows of named values as tensors, by the vocabulary fitted on the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InvalidData, InvalidRow
from worker.training.data.cells import Row, Unusual, as_number, as_raw_numbers, as_word, check_cells, counts
from worker.training.data.modules import MISSING, NUM_RESERVED_CODES, UNSEEN
from worker.training.data.signature import plain
from worker.training.data.text_encoding import TextEncoding
from worker.training.data.times import NUM_CIRCLE_COLUMNS, circles, time_of
from worker.training.data.words import Tidy


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
class OwnMarks:
    """The texts that mean "missing" in one column."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableEncoding:
    """Rows of named values; what a row leaves out is missing, columns it has besides are not looked at.

    `own_missing_values` are texts that mean "missing" in one column besides those that do in all; in `lenient` columns
    of numbers words do, because they did in training. The last of the `numbers` are what columns of `times` become.
    """

    kind: ClassVar[str] = "table"
    numbers: tuple[str, ...]
    categories: tuple[Vocabulary, ...]
    missing_values: tuple[str, ...]
    tidy: Tidy
    own_missing_values: tuple[OwnMarks, ...] = ()
    lenient: tuple[str, ...] = ()
    text: TextEncoding | None = None
    times: tuple[str, ...] = ()

    @property
    def plain_numbers(self) -> tuple[str, ...]:
        """The columns that are numbers when they are sent."""
        return self.numbers[: len(self.numbers) - NUM_CIRCLE_COLUMNS * len(self.times)]

    @property
    def fields(self) -> tuple[str, ...]:
        """The feature columns."""
        text = () if self.text is None else self.text.fields
        return (*self.plain_numbers, *self.times, *(vocabulary.name for vocabulary in self.categories), *text)

    def encode(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """ "numbers" float32 [N, F], "categories" int64 [N, K] and "tokens" int32 [N, T].

        Raises InvalidRow naming row and column.
        """
        check_cells(rows, self.fields)
        tensors: dict[str, Tensor] = {}
        marks = self._marks()
        if self.numbers:
            numbers = [
                [self._number(row.get(name), number, name, marks[name]) for name in self.plain_numbers]
                for number, row in enumerate(rows)
            ]
            plain_ones = np.array(numbers, np.float64).reshape(len(rows), len(self.plain_numbers))
            points = [circles(self._times(rows, name, marks[name])) for name in self.times]
            tensors["numbers"] = as_raw_numbers(np.concatenate([plain_ones, *points], axis=1))
        if self.categories:
            tables = [{value: code for code, value in enumerate(v.values, NUM_RESERVED_CODES)} for v in self.categories]
            known = [(v.name, table, marks[v.name]) for v, table in zip(self.categories, tables, strict=True)]
            codes = [[self._code(row.get(name), table, gone) for name, table, gone in known] for row in rows]
            tensors["categories"] = torch.tensor(codes, dtype=torch.int64).reshape(len(rows), len(tables))
        if self.text is not None:
            (name,) = self.text.fields
            tensors["tokens"] = self.text.tokens([self._text(row.get(name), marks[name]) or "" for row in rows])
        return tensors

    def unusual(self, tensors: Mapping[str, Tensor]) -> Unusual:
        """Cells without a value, and words that no training row had."""
        missing: dict[str, int] = {}
        unseen: dict[str, int] = {}
        if self.numbers:
            gone = tensors["numbers"].isnan()
            num_plain = len(self.plain_numbers)
            missing |= counts(self.plain_numbers, gone[:, :num_plain])
            missing |= counts(self.times, gone[:, num_plain::NUM_CIRCLE_COLUMNS])
        if self.categories:
            names = [vocabulary.name for vocabulary in self.categories]
            missing |= counts(names, tensors["categories"] == MISSING)
            unseen |= counts(names, tensors["categories"] == UNSEEN)
        if self.text is not None:
            unseen |= self.text.unusual(tensors).unseen
        return Unusual(missing, unseen)

    def document(self) -> dict[str, Any]:
        """The encoding as plain JSON values; without times as it was before there were any."""
        text = None if self.text is None else self.text.document()
        document = {"kind": self.kind, **plain(replace(self, text=None)), "text": text}
        if not self.times:
            del document["times"]
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The encoding that `document` described."""
        return cls(
            numbers=tuple(document["numbers"]),
            categories=tuple(Vocabulary(one["name"], tuple(one["values"])) for one in document["categories"]),
            missing_values=tuple(document["missing_values"]),
            tidy=Tidy(**document["tidy"]),
            own_missing_values=tuple(
                OwnMarks(one["name"], tuple(one["values"])) for one in document["own_missing_values"]
            ),
            lenient=tuple(document["lenient"]),
            text=TextEncoding.from_document(document["text"]) if document.get("text") else None,
            times=tuple(document.get("times", ())),
        )

    def _marks(self) -> dict[str, frozenset[str]]:
        own = {marks.name: marks.values for marks in self.own_missing_values}
        return {name: frozenset((*self.missing_values, *own.get(name, ()))) for name in self.fields}

    def _text(self, value: Any, marks: frozenset[str]) -> str | None:
        """A cell as the text that the vocabulary knows, None for missing."""
        if value is None:
            return None
        text = as_word(value)
        if text.strip() in marks:
            return None
        return self.tidy(text) if isinstance(value, str) else text

    def _times(self, rows: Sequence[Row], name: str, marks: frozenset[str]) -> npt.NDArray[np.datetime64]:
        """A column of times [N], NaT for missing."""
        times = []
        for number, row in enumerate(rows):
            value = row.get(name)
            try:
                times.append(time_of(None if isinstance(value, str) and value.strip() in marks else value, name=name))
            except InvalidData as error:
                raise InvalidRow(error.message, row=number, field=name) from error
        return np.array(times, "datetime64[us]")

    def _number(self, value: Any, row: int, name: str, marks: frozenset[str]) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return np.nan if as_word(value) in marks else as_number(value)
        text = self._text(value, marks)
        try:
            return np.nan if text is None else float({"true": "1", "false": "0"}.get(text.lower(), text))
        except ValueError:
            if name in self.lenient:
                return np.nan
            raise InvalidRow(f"{str(text)[:64]!r} is no number", row=row, field=name) from None

    def _code(self, value: Any, table: Mapping[str, int], marks: frozenset[str]) -> int:
        text = self._text(value, marks)
        return MISSING if text is None else table.get(text, UNSEEN)
