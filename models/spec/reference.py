"""The reference page of the spec, written from the spec itself: `python -m models.spec.reference > docs/spec.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from models.spec.base import Section
from models.spec.job import JobSpec
from models.spec.layout import sections, type_name

_HEAD: Final = """# The job spec

One JSON document says what to train. Only `data` is required; every other section may be left out, and a bare string
`"mlp"` means `{"type": "mlp"}`; an optimizer or schedule without a `type` is the default one. Unknown fields and
wrong types are refused with a pointer to the place. The job stores the spec as it was sent and `resolved_spec`, in
which every default, and every `auto` that the data decides, is visible. `POST /v1/jobs?dry_run=schema` shows that
without storing anything.

This page is written from the code (`python -m models.spec.reference`), and a test holds it to it.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD, "## Top level\n", _table(JobSpec)]
    for name, field in JobSpec.model_fields.items():
        if found := sections(field.annotation):
            parts += [f"## `{name}`\n", f"{field.description}\n", *_described(found, under=name)]
    return "\n".join(parts)


def _described(
    found: list[type[Section]], *, under: str, above: frozenset[type[Section]] = frozenset()
) -> Iterator[str]:
    """The sections and those inside them; what is described `above` already is not again."""
    found = [section for section in found if section not in above]
    for section in found:
        if kind := type_name(section):
            yield f"### `{under}`: `{kind}`\n"
            yield f"{_prose(section)}\n"
        elif "." in under:
            yield f"### `{under}`\n"
            yield f"{_prose(section)}\n"
        if _shown(section):
            yield _table(section)
        for name, field in section.model_fields.items():
            yield from _described(sections(field.annotation), under=f"{under}.{name}", above=above.union(found))


def _table(section: type[Section]) -> str:
    rows = [f"| `{name}` | {_default(field)} | {_values(field)} |" for name, field in _shown(section).items()]
    return "\n".join(["| field | default | what it says |", "|---|---|---|", *rows, ""])


def _shown(section: type[Section]) -> dict[str, FieldInfo]:
    return {name: field for name, field in section.model_fields.items() if name != "type" or type_name(section) is None}


def _values(field: FieldInfo) -> str:
    words = [f"`{json.dumps(word)}`" for word in _literals(field.annotation)]
    return f"{field.description or ''}{' One of ' + ', '.join(words) + '.' if len(words) > 1 else ''}"


def _literals(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if sections(annotation):
        return []
    return [word for argument in get_args(annotation) for word in _literals(argument)]


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, Section):
        return f"`{json.dumps(type_name(type(field.default)))}`" if type_name(type(field.default)) else "see below"
    return f"`{json.dumps(to_jsonable_python(field.default))}`"


def _prose(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split())


if __name__ == "__main__":
    sys.stdout.write(page())
