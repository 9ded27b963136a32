"""Request bodies, read by the service itself: after authentication, against a limit, and as strict JSON.

The framework would read a body before it asks who sent it, and answer an overlong one in plain text.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, TypeVar

import orjson
from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from api import strict_json
from api.service import Service, ServiceDep
from models.errors import BadRequest, FieldError, PayloadTooLarge, TrainyardError, Unprocessable
from models.spec.pointers import pointer
from models.spec.sentences import joined, sentence

Shape = TypeVar("Shape", bound=BaseModel)
_QUICK_BYTES: Final = 1 << 16
_JSON: Final = re.compile(r"application/([a-z0-9.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)


class UnsupportedMediaType(TrainyardError):
    """The body is of a kind that this route does not read."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class TooSlow(TrainyardError):
    """The body does not arrive in the time it has."""

    status, code, title = 408, "request_timeout", "Request timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The body took longer than {seconds:g} seconds.", headers={"Connection": "close"})


async def blocks(request: Request, *, max_bytes: int, idle_seconds: float) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises PayloadTooLarge as soon as it is known to be longer than `max_bytes`, and TooSlow
    where nothing arrives for `idle_seconds`.
    """
    async for block in _within(_in_time(request.stream(), idle_seconds), request, max_bytes):
        if block:
            yield block


async def _within(stream: AsyncIterator[bytes], request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    received = 0
    async for block in stream:
        received += len(block)
        if received > max_bytes:
            raise _too_large(max_bytes)
        yield block


async def _in_time(stream: AsyncIterator[bytes], idle_seconds: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                block = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TooSlow(idle_seconds) from error
        yield block


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body is longer than {max_bytes} bytes.", max_bytes=max_bytes, headers={"Connection": "close"}
    )


async def _content(request: Request, service: Service, *, max_bytes: int) -> bytes:
    """The whole body, which has as much time in all as an upload has between two blocks."""
    seconds = service.settings.body_seconds
    try:
        async with asyncio.timeout(seconds):
            return b"".join([block async for block in _within(request.stream(), request, max_bytes)])
    except TimeoutError as error:
        raise TooSlow(seconds) from error


async def json_object(request: Request, service: ServiceDep) -> dict[str, Any]:
    """The body as a JSON object. Raises UnsupportedMediaType, PayloadTooLarge, TooSlow, BadRequest, Unprocessable."""
    return _object(request, await _content(request, service, max_bytes=service.settings.max_body_bytes))


async def rows_object(request: Request, service: ServiceDep) -> dict[str, Any]:
    """The same for bodies of rows, which may be long: a thread reads them, so that other requests go on meanwhile."""
    content = await _content(request, service, max_bytes=service.settings.max_predict_bytes)
    if len(content) <= _QUICK_BYTES:
        return _object(request, content)
    return await run_in_threadpool(_object, request, content)


def _object(request: Request, content: bytes) -> dict[str, Any]:
    if not _JSON.fullmatch(request.headers.get("content-type", "")):
        raise UnsupportedMediaType("Send JSON, with `Content-Type: application/json`.")
    if not content:
        raise BadRequest("The body is empty; send a JSON object.", code="invalid_json")
    document = strict_json.loads(content)
    if not isinstance(document, dict):
        raise Unprocessable("Send a JSON object.", errors=[FieldError("#", "send a JSON object")])
    return document


async def optional_json_object(request: Request, service: ServiceDep) -> dict[str, Any]:
    """The same where the body may be left out: an empty one is an empty object."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return {}
    return await json_object(request, service)


JsonBody = Annotated[dict[str, Any], Depends(json_object)]
RowsBody = Annotated[dict[str, Any], Depends(rows_object)]
OptionalJsonBody = Annotated[dict[str, Any], Depends(optional_json_object)]


def validated(shape: type[Shape], document: dict[str, Any]) -> Shape:
    """The document as a shape, strictly. Raises Unprocessable with a pointer per mistake."""
    try:
        return shape.model_validate_json(orjson.dumps(document), strict=True)
    except ValidationError as error:
        errors = _mistakes(error, shape, document)
        detail = "; ".join(f"{item.pointer} {item.detail}" for item in errors)
        raise Unprocessable(detail, code="invalid_body", errors=errors) from error


def _mistakes(error: ValidationError, shape: type[BaseModel], document: dict[str, Any]) -> list[FieldError]:
    """One entry per place; what the branches of a union say about it is joined."""
    found: dict[str, list[str]] = {}
    for mistake in error.errors(include_url=False):
        place = _place(mistake["loc"], document, is_missing=mistake["type"] == "missing")
        details = found.setdefault(pointer(*place), [])
        is_unknown = mistake["type"] == "extra_forbidden" and len(mistake["loc"]) == 1
        if (detail := _unknown(shape) if is_unknown else sentence(mistake)) not in details:
            details.append(detail)
    return [FieldError(at, joined(details)) for at, details in found.items()]


def _place(location: tuple[int | str, ...], document: Any, *, is_missing: bool) -> list[int | str]:
    """The words that lead somewhere in the document; pydantic's own name branches of unions, and keys."""
    words: list[int | str] = []
    node = document
    for number, word in enumerate(location, start=1):
        holds = word in node if isinstance(node, dict) else isinstance(node, list) and isinstance(word, int)
        if holds:
            node = node[word]
        if holds or (is_missing and number == len(location)):
            words.append(word)
    return words


def _unknown(shape: type[BaseModel]) -> str:
    there_are = ", ".join(f"`{name}`" for name in shape.model_fields) or "none"
    return f"is not a field here; the fields are {there_are}"
