"""What a spec may name, with descriptions and defaults: feeds the docs, the dashboard and the catalogue endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticUndefined, to_jsonable_python

from models.spec.base import Section
from models.spec.job import JobSpec
from models.spec.layout import is_union, sections, type_name

UNIONS = {
    "networks": ("network",),
    "losses": ("loss",),
    "optimizers": ("optimizer",),
    "schedules": ("schedule",),
    "splits": ("data", "split"),
    "augmentations": ("augmentation",),
    "outliers": ("preprocessing", "number", "outliers"),
    "noise": ("cleaning", "noise"),
}


@dataclass(frozen=True, slots=True)
class EntryField:
    """One field of an entry; `required` fields have no default."""

    name: str
    description: str
    default: Any
    required: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing a spec may name by its `type`; for sections without types, the name of the section."""

    type: str
    description: str
    fields: tuple[EntryField, ...]


def catalogue() -> dict[str, list[Entry]]:
    """Every union of the spec by its plural, and under `sections` the sections that are no union."""
    entries = {
        plural: [_entry(type_name(member) or "", member) for member in sections(_annotation(path))]
        for plural, path in UNIONS.items()
    }
    plain = {
        name: sections(field.annotation)
        for name, field in JobSpec.model_fields.items()
        if not is_union(field.annotation)
    }
    entries["sections"] = [_entry(name, found[0]) for name, found in plain.items() if found]
    return entries


def _annotation(path: tuple[str, ...]) -> Any:
    section: type[Section] = JobSpec
    for word in path[:-1]:
        section = sections(section.model_fields[word].annotation)[0]
    return section.model_fields[path[-1]].annotation


def _entry(name: str, section: type[Section]) -> Entry:
    described = {
        field: info for field, info in section.model_fields.items() if field != "type" or not type_name(section)
    }
    return Entry(name, (section.__doc__ or "").strip(), tuple(_field(field, info) for field, info in described.items()))


def _field(name: str, info: Any) -> EntryField:
    missing = info.default is PydanticUndefined
    return EntryField(name, info.description or "", None if missing else to_jsonable_python(info.default), missing)
