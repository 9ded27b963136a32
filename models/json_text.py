"""JSON as it is stored and sent: strict. NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity"."""

from __future__ import annotations

import math
from typing import Any

import orjson
from pydantic_core import PydanticSerializationError, to_json


def encode(document: Any) -> str:
    """The document as compact JSON text; non-finite numbers become their names. Raises TypeError for what JSON has no
    word for.
    """
    try:
        return to_json(document, inf_nan_mode="strings").decode()
    except PydanticSerializationError as error:
        raise TypeError(str(error)) from error


def decode(text: str | bytes | None) -> Any:
    """The document in JSON text that `encode` wrote; None for None."""
    return None if text is None else orjson.loads(text)


def as_stored(text: str | None) -> orjson.Fragment | None:
    """The same document for who only sends it on: `orjson` copies the text, and nobody looks into it."""
    return None if text is None else orjson.Fragment(text)


def number(value: float | None) -> float | str | None:
    """A number as JSON can carry it."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
