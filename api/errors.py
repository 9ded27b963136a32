"""The one place where an error becomes `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, cast

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.errors import FieldError, TrainyardError, Unprocessable
from models.spec.sentences import sentence

MEDIA_TYPE: Final = "application/problem+json"
#: Every kind of error that is answered: our own and the framework's.
ANSWERED: Final = (TrainyardError, RequestValidationError, HTTPException)
_PLACES: Final = {"query": "?", "path": "/", "header": "header "}


def register(app: FastAPI) -> None:
    """Answer every error as a problem document."""
    for kind in ANSWERED:
        app.add_exception_handler(kind, answer)


async def answer(request: Request, error: Exception) -> Response:
    """The problem document for one of these three kinds of error."""
    if isinstance(error, RequestValidationError):
        return _answer(request, _invalid_parameters(error))
    if isinstance(error, HTTPException):
        return _answer(request, _HttpError(error, path=request.url.path, method=request.method))
    return _answer(request, cast("TrainyardError", error))


def problem_response(error: TrainyardError, *, path: str, request_id: str) -> Response:
    """The answer that tells a client about an error."""
    body = {**error.problem(), "instance": path, "request_id": request_id}
    headers = dict(error.headers)
    return Response(orjson.dumps(body), status_code=body["status"], headers=headers, media_type=MEDIA_TYPE)


def _invalid_parameters(error: RequestValidationError) -> Unprocessable:
    mistakes = cast("Sequence[ErrorDetails]", error.errors())
    errors = [FieldError(_place(mistake["loc"]), sentence(mistake)) for mistake in mistakes]
    detail = "; ".join(f"{item.pointer} {item.detail}" for item in errors)
    return Unprocessable(detail, code="invalid_parameter", errors=errors)


def _answer(request: Request, error: TrainyardError) -> Response:
    return problem_response(error, path=request.url.path, request_id=request.state.request_id)


def _place(location: Sequence[str | int]) -> str:
    kind, *names = location
    return _PLACES.get(str(kind), "#/") + ".".join(str(name) for name in names)


class _HttpError(TrainyardError):
    """What the framework found before any route of ours ran: no such path, no such method."""

    def __init__(self, error: HTTPException, *, path: str, method: str) -> None:
        status = HTTPStatus(error.status_code)
        details = {
            404: f"There is nothing at {path}.",
            405: f"{path} does not take {method}; see the Allow header.",
        }
        super().__init__(
            details.get(error.status_code, status.description or status.phrase),
            code=status.phrase.lower().replace(" ", "_").replace("-", "_"),
            headers=error.headers,
        )
        self._status = status

    def problem(self) -> dict[str, Any]:
        """The problem document with the framework's own status."""
        return {**super().problem(), "status": int(self._status), "title": self._status.phrase.capitalize()}
