"""JSON pointers (RFC 6901) into the document that was sent."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from models.spec.base import Section
from models.spec.job import JobSpec
from models.spec.layout import is_union, member, sections


def pointer(*words: object) -> str:
    """The pointer as a URI fragment: `pointer("data", "a/b")` is `#/data/a~1b`."""
    return "#" + "".join("/" + str(word).replace("~", "~0").replace("/", "~1") for word in words)


def place(location: Sequence[int | str], sent: Any) -> tuple[list[str], type[Section]]:
    """The words that lead to pydantic's location in what was sent, and the last section on the way.

    The walk goes down the classes and the document together. Where a class has a union, the next word of the location
    is the member's name and leads nowhere in the document; a word that neither knows names a branch of a plain union.
    """
    words: list[str] = []
    annotation: Any = JobSpec
    section: type[Section] | None = JobSpec
    last: type[Section] = JobSpec
    node = sent
    for word in location:
        if section is None and is_union(annotation) and (chosen := member(sections(annotation), word)):
            section = last = chosen
        elif section is not None:
            last = section
            words.append(str(word))
            node = node.get(word) if isinstance(node, dict) else None
            field = section.model_fields.get(str(word))
            annotation, section = _enter(field.annotation if field else None)
        elif _holds(node, word):
            words.append(str(word))
            node = node[word]
            annotation, section = _enter(_value_annotation(annotation))
    return words, last


def _holds(node: Any, word: int | str) -> bool:
    if isinstance(node, list):
        return isinstance(word, int) and word < len(node)
    return isinstance(node, dict) and word in node


def _enter(annotation: Any) -> tuple[Any, type[Section] | None]:
    """A plain section is entered at once; a union waits for its tag, a mapping for its key."""
    if _value_annotation(annotation) is not None or is_union(annotation):
        return annotation, None
    candidates = sections(annotation)
    return annotation, candidates[0] if len(candidates) == 1 else None


def _value_annotation(annotation: Any) -> Any:
    """What a mapping or a list of that annotation holds, also as a branch of a plain union; else None."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return arguments[-1]
    if origin is tuple and arguments[-1] is Ellipsis:
        return arguments[0]
    if origin in (Annotated, Union, UnionType):
        branches = arguments[:1] if origin is Annotated else arguments
        return next((held for branch in branches if (held := _value_annotation(branch)) is not None), None)
    return None
