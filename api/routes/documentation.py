"""The interface's description: as OpenAPI for programs, as a page for people. Both ask for a key like everything
else.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.answers import answers
from api.authentication import AnyScope
from api.replies import json_response

router = APIRouter(tags=["documentation"])

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_STYLE = (
    "body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}dt{margin-top:1rem}pre{overflow:auto}"
)


@router.get(
    "/openapi.json",
    responses=answers(None, description="OpenAPI 3.1", content={"application/json": {"schema": {"type": "object"}}}),
)
def get_openapi(request: Request, _: AnyScope) -> Response:
    """This interface as an OpenAPI document."""
    return json_response(request.app.openapi())


@router.get(
    "/docs",
    response_class=Response,
    responses=answers(None, description="A page.", content={"text/html": {"schema": {"type": "string"}}}),
)
def get_documentation(request: Request, _: AnyScope) -> Response:
    """This interface as a page: every route with what it does. It runs no script."""
    return HTMLResponse(_page(request.app.openapi()), headers={"Content-Security-Policy": _POLICY})


def _page(described: dict[str, Any]) -> str:
    info = described["info"]
    rows = [
        f"<dt><code>{method.upper()} {escape(path)}</code></dt>"
        f"<dd>{_paragraphs(operation.get('description', ''))}{''.join(_examples(operation))}</dd>"
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{_paragraphs(info['description'])}<dl>{''.join(rows)}</dl></html>"
    )


def _examples(operation: dict[str, Any]) -> Iterator[str]:
    """The body that is sent and what comes back, each folded away."""
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "example" in sent:
        yield _folded("body", sent["example"])
    for status, answer in operation["responses"].items():
        for content in answer.get("content", {}).values() if status.startswith("2") else ():
            for name, example in content.get("examples", {}).items():
                yield _folded(f"{status} {name}", example["value"])


def _folded(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n"))
