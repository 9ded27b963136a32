"""How a JSON document of the service becomes a frozen dataclass.

The reader is tolerant: a field the service leaves out or sends as null keeps its default, and a field this version does
not know stays readable under `extra`, so an older client works with a newer service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from math import nan
from types import NoneType, UnionType
from typing import Any, Self, Union, get_args, get_origin, get_type_hints

Converter = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Document:
    """Base of everything read from the service. `raw` is the JSON object as it came."""

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Read one JSON object."""
        converters = _converters(cls)
        known = {name: convert(raw[name]) for name, convert in converters.items() if raw.get(name) is not None}
        return cls(raw=raw, **known)

    @property
    def extra(self) -> dict[str, Any]:
        """The fields that this version of the client does not know."""
        names = {own.name for own in fields(self)}
        return {name: value for name, value in self.raw.items() if name not in names}


def number(value: Any) -> float:
    """A JSON number, or the string "NaN", "Infinity" or "-Infinity" for what JSON cannot write. None is NaN."""
    return nan if value is None else float(value)


def moment(value: str) -> datetime:
    """An RFC 3339 time; always with a time zone."""
    return datetime.fromisoformat(value).astimezone()


_CONVERTERS: dict[type[Document], dict[str, Converter]] = {}


def _converters(cls: type[Document]) -> dict[str, Converter]:
    if cls not in _CONVERTERS:
        hints = get_type_hints(cls)
        _CONVERTERS[cls] = {own.name: _converter(hints[own.name]) for own in fields(cls) if own.name != "raw"}
    return _CONVERTERS[cls]


def _converter(hint: Any) -> Converter:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        (wanted,) = (argument for argument in arguments if argument is not NoneType)
        return _converter(wanted)
    if origin is tuple:
        return _tuple_of(_converter(arguments[0]))
    if origin is Mapping:
        return _mapping_of(_converter(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, Document):
        return hint.parse
    return {float: number, datetime: moment}.get(hint, _as_it_is)


def _tuple_of(convert: Converter) -> Converter:
    return lambda values: tuple(convert(value) for value in values)


def _mapping_of(convert: Converter) -> Converter:
    return lambda values: {name: None if value is None else convert(value) for name, value in values.items()}


def _as_it_is(value: Any) -> Any:
    return value
