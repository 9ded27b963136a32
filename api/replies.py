"""JSON answers, written once: documents are JSON-ready when they come from the domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


def json_bytes(document: Any) -> bytes:
    """The document as compact JSON."""
    return orjson.dumps(document)


def json_response(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(json_bytes(document), status_code=status, headers=headers, media_type="application/json")
