"""Predictions: rows to a job's network, in as many requests as they need."""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from ._documents import Document
from ._exceptions import FieldError, Unprocessable
from ._transport import Transport

#: Rows of one request: the service takes more, but answers sooner and needs less memory for fewer.
ROWS_PER_REQUEST: Final = 1000
#: Longer than the service itself waits for a worker.
_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Prediction(Document):
    """What the network says to one row: a class with probabilities, a number, or the coming values of a series."""

    label: str | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    value: float | None = None
    values: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Predictions(Document):
    """One prediction per row, in their order.

    `missing` counts, per column, the rows that have no value there, `unseen` those with a word that no training row
    had, and `ignored`, per field that the network does not read, the rows that carry it.
    """

    predictions: tuple[Prediction, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    unseen: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)
    checkpoint: Mapping[str, Any] = field(default_factory=dict)


def predict(
    transport: Transport, path: str, rows: Iterable[Mapping[str, Any]], *, checkpoint: str, top: int | None
) -> Predictions:
    """Ask for all rows, `ROWS_PER_REQUEST` at a time; later requests name the checkpoint that answered the first."""
    remaining = iter(rows)
    answers: list[Mapping[str, Any]] = []
    while piece := [_plain(row) for row in islice(remaining, ROWS_PER_REQUEST)]:
        body = {"rows": piece, "checkpoint": checkpoint, **({} if top is None else {"top": top})}
        try:
            answers.append(transport.post(path, body=body, may_repeat=False, timeout=_TIMEOUT_SECONDS))
        except Unprocessable as error:
            raise _shifted(error, by=len(answers) * ROWS_PER_REQUEST) from error
        checkpoint = answers[-1]["checkpoint"]["id"]
    return Predictions.parse(_merged(answers))


def _merged(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {"checkpoint": answers[0]["checkpoint"] if answers else {}, "predictions": []}
    for answer in answers:
        merged["predictions"] += answer["predictions"]
    for name in ("missing", "unseen", "ignored"):
        merged[name] = dict(sum((Counter(answer[name]) for answer in answers), Counter()))
    return merged


def _plain(value: Any) -> Any:
    """A value as JSON has it: bytes as base64, arrays as lists, NaN as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _shifted(error: Unprocessable, *, by: int) -> Unprocessable:
    """The error with rows counted from the first that the caller gave."""
    return Unprocessable(
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        errors=[FieldError(_moved(item.pointer, by), item.detail) for item in error.errors],
        request_id=error.request_id,
        problem=error.problem,
    )


def _moved(pointer: str, by: int) -> str:
    start, _, rest = pointer.partition("#/rows/")
    number, slash, field_name = rest.partition("/")
    return pointer if start or not number.isdigit() else f"#/rows/{int(number) + by}{slash}{field_name}"
