"""The outermost layer: which hosts are answered, a request id, security headers, and no failure without a problem
document.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Final, cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import heads
from api.errors import problem_response
from api.refusals import Refusals
from models import logbook, tracing
from models.entropy import random_bytes
from models.errors import BadRequest, TrainyardError
from models.identifiers import is_id
from models.spans import SILENT, Span, Tracer

_logger = logging.getLogger("trainyard.api")
_access = logging.getLogger("trainyard.access")
_CLIENT_LEFT: Final = 499  # nothing was answered: it went away first
_FAILURES: Final = 400
_OUR_FAILURES: Final = 500
#: A label for each, and one for all that somebody may think of.
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

#: What asks these asks every few seconds: only a failure is worth a line.
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})

#: What an answer carries unless its route says otherwise. API answers are data: nothing in them may run or be framed.
DEFAULT_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
}
#: Over TLS alone, which a proxy tells by `X-Forwarded-Proto`: browsers shall come by no other way for a year.
_OVER_TLS: Final = {"Strict-Transport-Security": "max-age=31536000"}


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


_DEFAULTS: Final = _encoded(DEFAULT_HEADERS)
_DEFAULTS_OVER_TLS: Final = _encoded(DEFAULT_HEADERS | _OVER_TLS)


class Edge:
    """Wraps the whole application as plain ASGI, so that streams pass through unbuffered."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the lifespan passes through, and there are no websockets."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self._answer(heads.as_get(scope), receive, heads.Headless(send))
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        request_id = _request_id(headers.get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        reply = _Reply(send, scope, request_id=request_id)
        tracer: Tracer = SILENT if scope["path"] in _PROBES else scope["app"].state.service.tracer
        span = tracer.span(scope["method"], parent=tracing.parse(headers.get("traceparent")), kind="server")
        started = time.monotonic()
        with tracing.within(span.trace), logbook.about(request_id=request_id, trace_id=span.trace.trace_id):
            try:
                await self._guarded(scope, receive, reply, headers=headers)
            finally:
                seconds = time.monotonic() - started
                _note(scope, tracer, span, status=reply.status or _CLIENT_LEFT, seconds=seconds)
        if reply.status is not None and Refusals.concern(scope, reply.status):
            await run_in_threadpool(scope["app"].state.service.refusals.note, scope, reply.status)

    async def _guarded(self, scope: Scope, receive: Receive, reply: _Reply, *, headers: Headers) -> None:
        """Answer, and leave no failure without a problem document."""
        request_id = scope["state"]["request_id"]
        try:
            self._check_host(headers.get("host", ""))
            await self._app(scope, receive, reply)
        except ClientDisconnect:
            if heads.ASKED not in scope:
                _logger.info("client went away")
        except BadRequest as error:
            await problem_response(error, path=scope["path"], request_id=request_id)(scope, receive, reply)
        except Exception:
            _logger.exception("unexpected error at %r", scope["path"])
            if reply.status is not None:
                raise
            failure = TrainyardError(
                "The service failed on this request; its log has the details under the request id."
            )
            await problem_response(failure, path=scope["path"], request_id=request_id)(scope, receive, reply)

    def _check_host(self, header: str) -> None:
        """DNS rebinding ends here: a page of another site reaches the port, but under its own host name."""
        host = re.sub(r":[0-9]*$", "", header.lower())
        if "*" not in self._hosts and host not in self._hosts:
            raise BadRequest(
                f"The host {header[:64]!r} is not one this service answers to; TRAINYARD_ALLOWED_HOSTS lists them.",
                code="unknown_host",
            )


class _Reply:
    """Adds the headers that every answer carries, and remembers whether one has begun."""

    def __init__(self, send: Send, scope: Scope, *, request_id: str) -> None:
        self._send = send
        self._scope = scope
        self._request_id = request_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._completed(message.get("headers", ()))}
        await self._send(message)

    def _completed(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers of the answer, and those that it leaves to us."""
        mine = [(name, value) for name, value in headers if name != b"x-request-id"]
        there = {name for name, _ in mine}
        usual = _DEFAULTS_OVER_TLS if self._scope.get("scheme") == "https" else _DEFAULTS
        asked = _encoded(self._scope["state"].get("headers", {}))
        mine += [(name, value) for name, value in (*usual, *asked) if name not in there]
        return [*mine, (b"x-request-id", self._request_id.encode("latin-1"))]


def _request_id(header: str | None) -> str:
    if header is not None and _REQUEST_ID.fullmatch(header):
        return header
    return random_bytes(16).hex()


def _note(scope: Scope, tracer: Tracer, span: Span, *, status: int, seconds: float) -> None:
    """Count the request by the route that it took, and tell log and trace of it: no path, query or secret."""
    route = getattr(scope.get("route"), "path_format", "unmatched")
    method = scope.get(heads.ASKED, scope["method"])
    method = method if method in _METHODS else "other"
    scope["app"].state.service.requests.note(route=route, method=method, status=status, seconds=seconds)
    level = logging.DEBUG if route in _PROBES and status < _FAILURES else logging.INFO
    if not (tracer.is_on or _access.isEnabledFor(level)):
        return
    fields: dict[str, object] = {"method": method, "route": route, "status": status}
    fields["milliseconds"] = round(seconds * 1000, 1)
    if (principal := scope["state"].get("principal")) is not None:
        fields |= {"key_id": principal.key_id, "project": principal.project}
    if is_id(job_id := str(scope.get("path_params", {}).get("job_id", "")), "job"):
        fields["job_id"] = job_id
    _access.log(level, "%s %s %d", method, route, status, extra=fields)
    span.note(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "trainyard.request.id": scope["state"]["request_id"],
            "trainyard.key.id": cast("str | None", fields.get("key_id")),
            "trainyard.project": cast("str | None", fields.get("project")),
            "trainyard.job.id": cast("str | None", fields.get("job_id")),
        }
    )
    span.end(name=f"{method} {route}", error=str(status) if status >= _OUR_FAILURES else None)
