"""Domain errors. Each carries the HTTP status, the stable code and the words that the API answers with.

TrainyardError
├── BadRequest 400        ├── Conflict 409             ├── TooManyRequests 429
├── Unauthorized 401      ├── PreconditionFailed 412   ├── Unavailable 503
├── Forbidden 403         ├── PayloadTooLarge 413      └── TimedOut 504
├── NotFound 404          └── Unprocessable 422 ── InvalidSpec
InvalidData        the data cannot be trained on: `reason.code = invalid_data`
└── InvalidRow     a row to predict cannot be read
Superseded         a write by an attempt that no longer holds its lease; never leaves the worker
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One mistake in a request: a JSON pointer into what was sent, and what would be right."""

    pointer: str
    detail: str


class TrainyardError(Exception):
    """An error that a client is told about as `application/problem+json` (RFC 9457)."""

    status: ClassVar[int] = 500
    code: str = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.members = members

    def problem(self) -> dict[str, Any]:
        """The problem document, without `instance` and `request_id`, which only the request knows."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.members,
        }
        if self.errors:
            body["errors"] = [asdict(error) for error in self.errors]
        return body


class BadRequest(TrainyardError):
    """The request cannot be understood: broken JSON, a foreign cursor, a malformed header."""

    status, code, title = 400, "bad_request", "Bad request"


class Unauthorized(TrainyardError):
    """No key, or one that is wrong, expired or revoked."""

    status, code, title = 401, "unauthorized", "Authentication required"

    def __init__(self, detail: str = "Send a valid key as `Authorization: Bearer <key>`.") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="trainyard"'})


class Forbidden(TrainyardError):
    """The key is valid but lacks the scope."""

    status, code, title = 403, "forbidden", "Not allowed"


class NotFound(TrainyardError):
    """There is no such thing in the key's project."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(TrainyardError):
    """The request is fine, the state of the resource forbids it."""

    status, code, title = 409, "conflict", "Conflict"


class PreconditionFailed(TrainyardError):
    """`If-Match` names a version that is no longer current."""

    status, code, title = 412, "precondition_failed", "Precondition failed"


class PayloadTooLarge(TrainyardError):
    """The body is longer than the service accepts."""

    status, code, title = 413, "payload_too_large", "Payload too large"


class RangeNotSatisfiable(TrainyardError):
    """The requested byte range lies outside the file."""

    status, code, title = 416, "range_not_satisfiable", "Range not satisfiable"


class Unprocessable(TrainyardError):
    """Well-formed, but a field is wrong; `errors` points at it."""

    status, code, title = 422, "unprocessable", "Unprocessable content"


class InvalidSpec(Unprocessable):
    """A job spec with mistakes: one `FieldError` per mistake."""

    code, title = "invalid_spec", "Invalid job spec"


class TooManyRequests(TrainyardError):
    """A rate limit or quota is used up."""

    status, code, title = 429, "too_many_requests", "Too many requests"


class Unavailable(TrainyardError):
    """The database or the artifact store does not answer; try again."""

    status, code, title = 503, "unavailable", "Service unavailable"


class TimedOut(TrainyardError):
    """What was asked for takes longer than a request may."""

    status, code, title = 504, "timeout", "Took too long"


class InvalidData(Exception):
    """The data cannot be trained on. `place` names the row, column or file in words."""

    def __init__(self, message: str, *, place: str | None = None) -> None:
        super().__init__(message if place is None else f"{place}: {message}")
        self.message = message
        self.place = place


class InvalidRow(InvalidData):
    """A row to predict that cannot be read: `row` counts from 0, `field` is the column or None for the row itself."""

    def __init__(self, message: str, *, row: int, field: str | None = None) -> None:
        super().__init__(message, place=f"row {row + 1}" if field is None else f"row {row + 1}, column {field!r}")
        self.row = row
        self.field = field


class Superseded(Exception):
    """This attempt has lost its lease: kill the trainer and touch nothing."""
