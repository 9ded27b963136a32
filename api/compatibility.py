"""Whether what is described now keeps what was promised before: `python -m api.compatibility [FILE or GIT REVISION]`.

Prints each break and ends with 1, against `docs/openapi.json` of `HEAD` unless told otherwise. What is only added
breaks nobody. Breaking on purpose takes a new version of the interface, beside the old one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

_COPY: Final = "docs/openapi.json"
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
Document = Mapping[str, Any]


def breaks(before: Document, now: Document) -> list[str]:
    """What clients of `before` may miss in `now`, a sentence each; both are whole OpenAPI documents."""
    found = []
    for path, item in before["paths"].items():
        for method in _METHODS:
            if method not in item:
                continue
            place = f"{method.upper()} {path}"
            operation = now["paths"].get(path, {}).get(method)
            if operation is None:
                found.append(f"{place} is gone")
            else:
                found += _Operation(place, before, now).breaks(item[method], operation)
    return found


class _Operation:
    """One operation, then and now."""

    def __init__(self, place: str, before: Document, now: Document) -> None:
        self._place = place
        self._before = before
        self._now = now

    def breaks(self, old: Document, new: Document) -> Iterator[str]:
        """Everything that a client of the old one may miss."""
        if old["operationId"] != new["operationId"]:
            yield f"{self._place}: the operation {old['operationId']} is called {new['operationId']} now"
        yield from self._parameters(old.get("parameters", ()), new.get("parameters", ()))
        yield from self._bodies(old.get("requestBody"), new.get("requestBody"))
        for status, answer in old["responses"].items():
            if not status.startswith("2"):
                continue
            if status not in new["responses"]:
                yield f"{self._place}: it does not answer {status} any more"
                continue
            yield from self._contents(answer, new["responses"][status], f"{self._place} -> {status}", is_sent=False)

    def _parameters(self, old: Sequence[Document], new: Sequence[Document]) -> Iterator[str]:
        known = {(one["in"], one["name"]): one for one in old}
        current = {(one["in"], one["name"]): one for one in new}
        for key, one in known.items():
            place = f"{self._place}, {key[0]} parameter {key[1]}"
            if key not in current:
                yield f"{place} is gone"
            else:
                yield from self._schemas(one["schema"], current[key]["schema"], place, is_sent=True)
        for key, one in current.items():
            if one.get("required") and not known.get(key, {}).get("required"):
                yield f"{self._place}, {key[0]} parameter {key[1]} is required now"

    def _bodies(self, old: Document | None, new: Document | None) -> Iterator[str]:
        if new is not None and new.get("required") and not (old or {}).get("required"):
            yield f"{self._place}: a body is required now"
        if old is not None:
            yield from self._contents(old, new or {}, f"{self._place}, body", is_sent=True)

    def _contents(self, old: Document, new: Document, place: str, *, is_sent: bool) -> Iterator[str]:
        for media_type, content in old.get("content", {}).items():
            if media_type not in new.get("content", {}):
                if content.get("schema") == {}:  # the framework's word for answers that it knows nothing of
                    continue
                yield f"{place}: {media_type} is gone"
            else:
                current = new["content"][media_type]
                yield from self._schemas(content.get("schema", {}), current.get("schema", {}), place, is_sent=is_sent)

    def _schemas(
        self, old: Document, new: Document, place: str, *, is_sent: bool, within: tuple[str, ...] = ()
    ) -> Iterator[str]:
        name = str(old.get("$ref", ""))
        if name and name in within:
            return
        within = (*within, name)
        old, new = _resolved(old, self._before), _resolved(new, self._now)
        if new == old and not _refers(old):
            return
        yield from _narrowed(old, new, place, is_sent=is_sent)
        if _choices(old) or _choices(new):
            yield from self._unions(
                _choices(old) or [old], _choices(new) or [new], place, is_sent=is_sent, within=within
            )
            return
        if "items" in old and "items" in new:
            yield from self._schemas(old["items"], new["items"], f"{place}[]", is_sent=is_sent, within=within)
        fields = new.get("properties", {})
        for field, schema in old.get("properties", {}).items():
            if field not in fields:
                yield f"{place}: the field {field} is gone"
            else:
                yield from self._schemas(schema, fields[field], f"{place}.{field}", is_sent=is_sent, within=within)

    def _unions(
        self, old: Sequence[Document], new: Sequence[Document], place: str, *, is_sent: bool, within: tuple[str, ...]
    ) -> Iterator[str]:
        """Choices go by their names, or by their types where they have none."""
        known, current = ({_name(choice): choice for choice in choices} for choices in (old, new))
        for name in known.keys() & current.keys():
            yield from self._schemas(known[name], current[name], place, is_sent=is_sent, within=within)
        if is_sent:
            yield from (f"{place}: it takes no {name} any more" for name in sorted(known.keys() - current.keys()))
        else:
            yield from (f"{place}: it may be {name} now" for name in sorted(current.keys() - known.keys()))


def _choices(schema: Document) -> Sequence[Document]:
    choices: Sequence[Document] = schema.get("anyOf") or schema.get("oneOf") or ()
    return choices


def _resolved(schema: Document, document: Document) -> Document:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _refers(schema: Document) -> bool:
    return b'"$ref"' in orjson.dumps(schema)


def _name(choice: Document) -> str:
    return str(choice.get("$ref", choice.get("type", choice.get("const", "")))).rpartition("/")[2]


def _narrowed(old: Document, new: Document, place: str, *, is_sent: bool) -> Iterator[str]:
    if (
        "type" in old
        and "type" in new
        and old["type"] != new["type"]
        and {old["type"], new["type"]} != _WIDENED[is_sent]
    ):
        yield f"{place}: it is {new['type']} and was {old['type']}"
    if is_sent:
        for value in old.get("enum", ()):
            if "enum" in new and value not in new["enum"]:
                yield f"{place}: the value {value!r} is gone"
        for field in set(new.get("required", ())) - set(old.get("required", ())):
            yield f"{place}: the field {field} is required now"
    else:
        for field in set(old.get("required", ())) - set(new.get("required", ())):
            yield f"{place}: the field {field} may be missing now"


#: Pairs of types that break nobody: an integer in an answer is a number too.
_WIDENED: Final[Mapping[bool, set[str]]] = {True: {"integer", "number"}, False: set()}


def _earlier(source: str) -> Document:
    path = Path(source)
    content = path.read_bytes() if path.is_file() else _at_revision(source)
    return dict(orjson.loads(content))


def _at_revision(revision: str) -> bytes:
    return subprocess.run(["git", "show", f"{revision}:{_COPY}"], capture_output=True, check=True).stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    from api.main import create_app
    from models.settings import Settings

    source, *_ = [*(sys.argv[1:] if arguments is None else arguments), "HEAD"]
    found = breaks(_earlier(source), orjson.loads(orjson.dumps(create_app(Settings()).openapi())))
    for sentence in found:
        sys.stdout.write(f"{sentence}\n")
    if found:
        sys.stdout.write(
            f"{len(found)} breaking changes since {source}: add beside what is there, or take a new version\n"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
