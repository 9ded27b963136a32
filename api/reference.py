"""The reference page of the HTTP interface, from its OpenAPI document: `python -m api.reference > docs/api.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Final

from api.main import create_app
from models.settings import Settings

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_HEAD: Final = """# The HTTP interface

`GET /openapi.json` is the whole contract as OpenAPI 3.1; this page is written from it (`python -m api.reference`).

## Conventions

- **Keys.** `Authorization: Bearer ty_…` on every route but `/healthz`, `/readyz`, `/version` and the dashboard's files.
  401 without a valid key, 403 without the scope, 404 for what belongs to another project.
- **Errors** are `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`, a stable `code`, the
  `request_id` that `X-Request-ID` also carries, and for bad input `errors`, each with a JSON `pointer` and a `detail`.
- **Strict JSON.** NaN and Infinity literals, repeated names, nesting beyond 32 levels and integers beyond 64 bit are
  refused. Numbers that are not finite are the strings `"NaN"`, `"Infinity"` and `"-Infinity"` in answers.
- **Identifiers** are UUIDv7 with a prefix (`job_`, `ds_`, `ckpt_`, `evt_`, `key_`). Times are RFC 3339 in UTC.
- **Lists** are newest first: `{"data": [...], "next_cursor": ...}`, with `limit` from 1 to 200 and a `Link` header. A
  cursor is opaque and good for the filter it came from.
- **Idempotency.** A POST with `Idempotency-Key` is done once: the same key and body get the first answer again, with
  `Idempotency-Replayed: true`; another body gets 422. Keys are kept for 24 hours.
- **Waiting.** `GET` with `If-None-Match: <etag>` and `Prefer: wait=30` answers when the thing has changed, or 304.
- **Streams** are server-sent events. `id` is the event's sequence number, so `Last-Event-ID` resumes without gap or
  repetition; frames without an id (`progress`, `metrics`, `log`) carry what has endpoints of its own; `end` is last.
- **Downloads** take one `Range`, and `Repr-Digest` carries the SHA-256 of the whole file.
- **Answers** below are what a service has said, recorded and shortened (`…`); `/openapi.json` has more of each, and the
  problems as well. A shape is shown where it comes first.
"""


#: What any operation may answer with; the page says it once.
_EVERYWHERE: Final = frozenset({"400", "401", "403", "408", "413", "415", "422", "429", "503"})
_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_WIDTH: Final = 110
_DEEPEST: Final = 1


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *_Reference(create_app(Settings()).openapi()).lines()])


class _Reference:
    """The operations of a document by their tags; what an answer looks like is shown where it comes first."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._paths = document["paths"]
        self._schemas = document["components"]["schemas"]
        self._shown: dict[str, str] = {}

    def lines(self) -> Iterator[str]:
        """A heading for each tag, and below it one for each of its operations, in the order of their paths."""
        operations = [
            (method.upper(), path, item[method])
            for path, item in self._paths.items()
            for method in _METHODS
            if method in item
        ]
        yield from self._anywhere()
        for tag in dict.fromkeys(operation["tags"][0] for _, _, operation in operations):
            yield f"## {tag.capitalize()}\n"
            for operation in sorted((one for one in operations if one[2]["tags"][0] == tag), key=_place):
                yield from self._described(*operation)

    def _anywhere(self) -> Iterator[str]:
        yield "## Problems of every operation\n"
        content = self._paths["/v1/jobs/{job_id}"]["patch"]["responses"]
        codes = ((status, content[status]["description"]) for status in sorted(_EVERYWHERE))
        yield "\n".join(["| status | when |", "|---|---|", *(f"| {status} | {when} |" for status, when in codes), ""])

    def _described(self, method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
        yield f"### `{method} {path}`\n"
        yield f"{operation['description']}\n"
        rows = [
            f"| `{parameter['name']}` | {parameter['in']} | {' '.join(parameter.get('description', '').split())} |"
            for parameter in operation.get("parameters", ())
            if parameter["in"] != "path"
        ]
        if rows:
            yield "\n".join(["| parameter | in | what it says |", "|---|---|---|", *rows, ""])
        if body := operation.get("requestBody", {}).get("content", {}).get(_JSON):
            yield from self._body(body, is_required=operation["requestBody"]["required"])
        yield from self._answers(f"{method} {path}", operation["responses"])
        yield from _problems(operation["responses"])

    def _body(self, body: dict[str, Any], *, is_required: bool) -> Iterator[str]:
        name = body["schema"]["$ref"].rpartition("/")[2]
        fields = self._schemas[name].get("properties", {})
        opening = "The body" if is_required else "The body, which may be left out"
        if name == "JobSpec":
            yield f"{opening} is a job spec; [spec.md](spec.md) has every field.\n"
        else:
            required = self._schemas[name].get("required", ())
            rows = [
                f"| `{field}`{' (required)' if field in required else ''} | {_said(schema)} |"
                for field, schema in fields.items()
            ]
            yield f"{opening}:\n"
            yield "\n".join(["| field | what it says |", "|---|---|", *rows, ""])
        yield f"```json\n{written(body['example'])}\n```\n"

    def _answers(self, place: str, responses: dict[str, Any]) -> Iterator[str]:
        """The shape of each good answer, as an example where it is the first of its shape."""
        for status, answer in responses.items():
            content = answer.get("content", {})
            if not status.startswith("2"):
                continue
            kinds = ", ".join(kind for kind in content if kind != _JSON)
            shape = content.get(_JSON, {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            if not shape:
                yield f"Answer `{status}`: {kinds or 'nothing'}.\n"
                continue
            also = f"; {kinds} on request" if kinds else ""
            if shape in self._shown:
                yield f"Answer `{status}`: a `{shape}`, as of {self._shown[shape]}{also}.\n"
                continue
            self._shown[shape] = f"[`{place}`](#{_anchor(place)})"
            yield f"Answer `{status}`: a `{shape}`{also}.\n"
            example = max((one["value"] for one in content[_JSON]["examples"].values()), key=len)
            if isinstance(example.get("data"), list):
                example = {**example, "data": example["data"][:1]}
            yield f"```\n{written(example, deepest=_DEEPEST + ('data' in example))}\n```\n"


def _said(schema: dict[str, Any]) -> str:
    """What is said of a field, or of the first kind of value that it may have."""
    told = (one.get("description", "") for one in (schema, *schema.get("anyOf", ())))
    return next(filter(None, told), "")


def _place(operation: tuple[str, str, dict[str, Any]]) -> tuple[str, bool]:
    """Where an operation stands below its tag: by its path, and what makes a thing before what lists them."""
    method, path, _ = operation
    return path.replace("{", "~"), method != "POST"


def _problems(responses: dict[str, Any]) -> Iterator[str]:
    """The codes that are this operation's own."""
    told = [
        f"{status} `{code}`"
        for status, answer in responses.items()
        for code, example in answer.get("content", {}).get(_PROBLEM, {}).get("examples", {}).items()
        if "value" in example or status not in _EVERYWHERE
    ]
    if told:
        yield f"Problems of its own: {', '.join(told)}.\n"


def _anchor(heading: str) -> str:
    """The anchor that renderers of Markdown give a heading."""
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def written(value: Any, *, depth: int = 0, deepest: int = _DEEPEST) -> str:
    """JSON for people: what fits into a line stands in one, and what lies too deep is left out."""
    compact = json.dumps(value, ensure_ascii=False)
    if len(compact) + 2 * depth <= _WIDTH or not isinstance(value, dict | list) or not value:
        return compact
    if depth > deepest:
        return "{…}" if isinstance(value, dict) else "[…]"
    inside, outside = "  " * (depth + 1), "  " * depth
    if isinstance(value, list):
        items = [f"{inside}{written(item, depth=depth + 1, deepest=deepest)}" for item in value]
        return "[\n" + ",\n".join(items) + f"\n{outside}]"
    members = [
        f"{inside}{json.dumps(name)}: {written(item, depth=depth + 1, deepest=deepest)}" for name, item in value.items()
    ]
    return "{\n" + ",\n".join(members) + f"\n{outside}}}"


if __name__ == "__main__":
    sys.stdout.write(page())
