"""JSON as it is stored and sent: strict. NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity"."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson


def encode(document: Any) -> str:
    """The document as compact JSON text; non-finite numbers become their names. Raises TypeError for what JSON has no
    word for.
    """
    try:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(document), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def decode(text: str | bytes | None) -> Any:
    """The document in JSON text that `encode` wrote; None for None."""
    return None if text is None else orjson.loads(text)


def number(value: float | None) -> float | str | None:
    """A number as JSON can carry it."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _finite(document: Any) -> Any:
    if isinstance(document, float):
        return number(document)
    if isinstance(document, dict):
        return {key: _finite(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_finite(value) for value in document]
    return document
