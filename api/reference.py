"""The reference page of the HTTP interface, from its OpenAPI document: `python -m api.reference > docs/api.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
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
"""


def page() -> str:
    """The whole page as Markdown."""
    paths = create_app(Settings()).openapi()["paths"]
    operations = [
        (method.upper(), path, item[method]) for path, item in paths.items() for method in _METHODS if method in item
    ]
    parts = [_HEAD]
    for tag, group in groupby(operations, key=lambda operation: operation[2]["tags"][0]):
        parts.append(f"## {tag.capitalize()}\n")
        parts += [line for operation in group for line in _described(*operation)]
    return "\n".join(parts)


def _described(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### `{method} {path}`\n"
    yield f"{operation['description']}\n"
    rows = [
        f"| `{parameter['name']}` | {parameter['in']} | {' '.join(parameter.get('description', '').split())} |"
        for parameter in operation.get("parameters", ())
        if parameter["in"] != "path"
    ]
    if rows:
        yield "\n".join(["| parameter | in | what it says |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(page())
