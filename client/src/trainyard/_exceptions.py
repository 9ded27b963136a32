"""Everything that this package raises on purpose.

TrainyardError
├── ConfigurationError            the address or the key cannot be used (also a ValueError)
├── ServiceUnreachable            no answer: refused, unknown host, cut, TLS
│   └── ServiceTimeout            no answer in time
├── StatusError                   the service answered with a problem
│   ├── BadRequest 400            ├── PreconditionFailed 412
│   ├── Unauthorized 401          ├── PayloadTooLarge 413
│   ├── Forbidden 403             ├── Unprocessable 422
│   ├── NotFound 404              ├── RateLimited 429
│   ├── Conflict 409              └── ServerError 5xx
├── JobError                      raised by `Job.raise_for_status` alone
│   ├── JobFailed
│   └── JobCancelled
├── InvalidDataset                the service could not read the uploaded bytes
├── DownloadCorrupt               the bytes do not have the declared digest
└── WaitTimeout                   a `timeout=` given by the caller ran out (also a TimeoutError)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """One mistake in what was sent: a JSON pointer to it, and what would be right."""

    pointer: str
    detail: str


class TrainyardError(Exception):
    """Base of every error of this package."""


class ConfigurationError(TrainyardError, ValueError):
    """The address, the key or a file given by the caller cannot be used."""


class ServiceUnreachable(TrainyardError):
    """The service did not answer. The request may be repeated as it is."""


class ServiceTimeout(ServiceUnreachable):
    """The service did not answer in time."""


class StatusError(TrainyardError):
    """The service answered with an error status and a problem document (RFC 9457)."""

    def __init__(
        self,
        *,
        status: int,
        code: str,
        title: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds
        self.problem = dict(problem or {})

    def __str__(self) -> str:
        if not self.errors:
            return self.detail
        return "\n  ".join([self.title, *(f"{error.pointer}: {error.detail}" for error in self.errors)])


class BadRequest(StatusError):
    """400: the request cannot be understood."""


class Unauthorized(StatusError):
    """401: no key, or one that is wrong, expired or revoked."""


class Forbidden(StatusError):
    """403: the key is valid but lacks the scope."""


class NotFound(StatusError):
    """404: there is no such thing in the key's project."""


class Conflict(StatusError):
    """409: the state of the resource forbids it."""


class PreconditionFailed(StatusError):
    """412: the resource has changed since it was read."""


class PayloadTooLarge(StatusError):
    """413: the body is longer than the service accepts."""


class Unprocessable(StatusError):
    """422: well-formed, but a field is wrong; `errors` points at it."""


class RateLimited(StatusError):
    """429: a limit or quota is used up, and waiting as told did not help."""


class ServerError(StatusError):
    """5xx: the service could not do what it should."""


#: What `StatusError.for_status` looks up; other statuses below 500 stay a plain StatusError.
BY_STATUS: dict[int, type[StatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    413: PayloadTooLarge,
    422: Unprocessable,
    429: RateLimited,
}


class JobError(TrainyardError):
    """The job ended otherwise than by success. `code`, `message` and `param` say why."""

    def __init__(self, *, job_id: str, code: str, message: str, param: str | None = None) -> None:
        super().__init__(f"{job_id}: {message} ({code})")
        self.job_id = job_id
        self.code = code
        self.message = message
        self.param = param


class JobFailed(JobError):
    """The job failed."""


class JobCancelled(JobError):
    """The job was cancelled."""


class InvalidDataset(TrainyardError):
    """The service could not read the dataset; `code` and `message` name the place."""

    def __init__(self, *, dataset_id: str, code: str, message: str) -> None:
        super().__init__(f"{dataset_id}: {message} ({code})")
        self.dataset_id = dataset_id
        self.code = code
        self.message = message


class DownloadCorrupt(TrainyardError):
    """The downloaded bytes do not have the declared digest, even after a second, whole download."""


class WaitTimeout(TrainyardError, TimeoutError):
    """The `timeout=` that the caller gave ran out. What was waited for goes on."""
