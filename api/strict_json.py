"""JSON as the service accepts it: what the standard allows, read in one way only.

Python's reader takes NaN, doubled keys, endless digits and any depth. Each of these means something else to the next
program that reads the document, so here each is an error with a place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from models.errors import BadRequest

MAX_DEPTH: Final = 32
_MAX_INTEGER_DIGITS: Final = 20
_LARGEST: Final = 2**63 - 1


def loads(content: bytes) -> Any:
    """The document in `content`. Raises BadRequest, saying where, for anything that is not strict."""
    try:
        text = content.decode()
        document = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_number,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8 at byte {error.start}.", code="invalid_json") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"The body is not JSON at {place}: {error.msg}.", code="invalid_json") from error
    except RecursionError as error:
        raise _too_deep() from error
    _check_depth(document)
    if "\\u" in text:
        _check_text(document)
    return document


def _refuse_constant(word: str) -> Any:
    raise BadRequest(f"{word} is not a JSON number.", code="invalid_json")


def _integer(digits: str) -> int:
    # The length goes first: turning a million digits into a number takes seconds.
    if len(digits) > _MAX_INTEGER_DIGITS or not -_LARGEST - 1 <= (value := int(digits)) <= _LARGEST:
        raise BadRequest(f"The integer {digits[:24]} does not fit into 64 bits.", code="invalid_json")
    return value


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadRequest(f"The number {text[:24]} is too large.", code="invalid_json")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRequest(f"The field {twice[:64]!r} stands twice in one object.", code="invalid_json")
    return document


def _too_deep() -> BadRequest:
    return BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels.", code="invalid_json")


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise _too_deep()


def _children(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in inner if isinstance(child, dict | list)]


def _check_text(document: Any) -> None:
    for text in _texts(document):
        if not is_storable(text):
            detail = "The body holds U+0000 or half of a surrogate pair, which no database stores."
            raise BadRequest(detail, code="invalid_json")


def _texts(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def is_storable(text: str) -> bool:
    """Whether every database and every UTF-8 writer can take the text."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
