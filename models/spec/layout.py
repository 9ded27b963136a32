"""The spec seen as a tree: which section stands where, for pointers, suggestions and the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from models.spec.base import Section


def sections(annotation: Any) -> list[type[Section]]:
    """Every section class named anywhere in a type annotation, in order: one for a section, several for a union."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for argument in get_args(annotation) for section in sections(argument)]


def type_name(section: type[Section]) -> str | None:
    """The `type` that picks this class out of its union; None for a section that is no member of one."""
    field = section.model_fields.get("type")
    if field is None or len(words := get_args(field.annotation)) != 1:
        return None
    return str(words[0])


def member(candidates: list[type[Section]], name: Any) -> type[Section] | None:
    """The member of a union that goes by that `type`."""
    return next((section for section in candidates if type_name(section) == name), None)


def is_union(annotation: Any) -> bool:
    """Whether sections of that annotation are told apart by `type`."""
    candidates = sections(annotation)
    return bool(candidates) and all(type_name(section) for section in candidates)


def fields(section: type[Section], *, under: str = "") -> Iterator[tuple[str, str]]:
    """Every field name below a section with its dotted path; a member of a union shows as `optimizer(sgd).momentum`."""
    for name, field in section.model_fields.items():
        yield name, f"{under}{name}"
        for child in sections(field.annotation):
            chosen = f"({type_name(child)})" if type_name(child) else ""
            yield from fields(child, under=f"{under}{name}{chosen}.")
