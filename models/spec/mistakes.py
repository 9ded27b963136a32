"""What pydantic found, said to a person: one pointer and one plain sentence per place."""

from __future__ import annotations

from difflib import get_close_matches
from functools import reduce
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.errors import FieldError, InvalidSpec
from models.spec.base import Section
from models.spec.job import JobSpec
from models.spec.layout import fields, type_name
from models.spec.pointers import place, pointer
from models.spec.sentences import joined, sentence

MAX_MISTAKES = 50
MAX_QUOTED = 3


def invalid(mistakes: list[FieldError], *, opening: str) -> InvalidSpec:
    """The error that lists these mistakes; its detail quotes the first few."""
    quoted = "; ".join(f"{mistake.pointer} {mistake.detail}" for mistake in mistakes[:MAX_QUOTED])
    return InvalidSpec(f"{opening}: {quoted}", errors=mistakes[:MAX_MISTAKES])


def misfit(at: str, detail: str) -> InvalidSpec:
    """The error for a spec that is well-formed but does not fit its data, or not itself."""
    return invalid([FieldError(at, detail)], opening="The spec does not fit the data")


def explain(error: ValidationError, sent: dict[str, Any]) -> InvalidSpec:
    """The mistakes in a document, one per place: what the branches of a union complain about is joined."""
    found: dict[str, list[str]] = {}
    for mistake in error.errors(include_url=False):
        words, section = place(mistake["loc"], sent)
        details = found.setdefault(pointer(*words, *_tail(mistake, words, sent)), [])
        if (detail := _detail(mistake, section)) not in details:
            details.append(detail)
    mistakes = [FieldError(at, joined(details)) for at, details in found.items() if not _shadowed(at, details, found)]
    number = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return invalid(mistakes, opening=f"The job spec has {number}")


def _tail(mistake: ErrorDetails, words: list[str], sent: Any) -> tuple[object, ...]:
    """What pydantic leaves out of a location or the document does not hold: the tag of a union, a missing item."""
    if mistake["type"] == "union_tag_invalid":
        return ("type",) if isinstance(reduce(_member, words, sent), dict) else ()
    last = mistake["loc"][-1] if mistake["loc"] else None
    return (last,) if mistake["type"] == "missing" and (not words or words[-1] != last) else ()


def _member(node: Any, word: str) -> Any:
    return node[int(word)] if isinstance(node, list) else node[word]


def _shadowed(at: str, details: list[str], found: dict[str, list[str]]) -> bool:
    """Whether a complaint only follows from mistakes further inside: a wrong item, and so "no 'auto'", "too few"."""
    follows = all(
        detail.startswith(("must be '", "must be a valid number", "must have at least")) for detail in details
    )
    return follows and any(other.startswith(f"{at}/") for other in found)


def _detail(mistake: ErrorDetails, section: type[Section]) -> str:
    match mistake["type"]:
        case "extra_forbidden":
            return _unknown(str(mistake["loc"][-1]), section)
        case "union_tag_not_found":
            return "must be an object with a `type`, or the type's name as a string"
    return sentence(mistake)


def _unknown(name: str, section: type[Section]) -> str:
    """What to say about a field that is not there: the nearest one here, or the places where one of that name lives."""
    if near := get_close_matches(name, section.model_fields, n=1):
        return f"is not a field; did you mean `{near[0]}`?"
    owner = f" of {type_name(section)}" if type_name(section) else " here"
    places = list(dict.fromkeys(path for known, path in fields(JobSpec) if known == name))
    if places:
        return f"is not a field{owner}; there is {' and '.join(f'`{path}`' for path in places[:MAX_QUOTED])}"
    return f"is not a field{owner}; the fields are {', '.join(f'`{known}`' for known in section.model_fields)}"
