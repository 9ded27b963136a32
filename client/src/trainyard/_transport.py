"""One request to the service: the key, the retries, and errors as exceptions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from json import dumps
from typing import Any, Final
from uuid import uuid4

import httpx2

from ._configuration import is_loopback
from ._exceptions import (
    BY_STATUS,
    ConfigurationError,
    FieldError,
    ServerError,
    ServiceTimeout,
    ServiceUnreachable,
    StatusError,
)
from ._retries import LONGEST_RETRY_AFTER_SECONDS, LOST_STATUSES, REFUSED_STATUSES, pauses, retry_after_seconds
from ._version import __version__

_REPEATABLE_METHODS: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
#: These fail before the service can have seen the request.
_NOT_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class Transport:
    """Sends requests to one service with one key; safe to share between threads."""

    def __init__(self, *, url: httpx2.URL, key: str | None, timeout: float, max_retries: int) -> None:
        headers = {"User-Agent": f"trainyard-python/{__version__}", "Accept": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self.url = url
        self.timeout = timeout
        self._max_retries = max_retries
        # A proxy named in the environment cannot reach this machine's own loopback.
        trust_env = not is_loopback(url.host)
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=timeout, trust_env=trust_env)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON document at a path."""
        return self.json(self.request("GET", path, params=params))

    def post(
        self,
        path: str,
        *,
        body: Any = None,
        key: str | None = None,
        params: Mapping[str, Any] | None = None,
        may_repeat: bool = True,
        timeout: float | None = None,
    ) -> Any:
        """The JSON answer to a POST. Unless told otherwise it carries an `Idempotency-Key`, and so may be repeated."""
        headers = {"Idempotency-Key": quoted(key or str(uuid4()))} if may_repeat else {}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = dumps(body, allow_nan=False).encode()
        response = self.request("POST", path, content=content, headers=headers, params=params, timeout=timeout)
        return self.json(response)

    def json(self, response: httpx2.Response) -> Any:
        """The JSON object of an answer. Raises ServiceUnreachable when something else than the service answered."""
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ServiceUnreachable(f"{self.url} answers, but not as a Trainyard service does")
        return document

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
        stream: bool = False,
    ) -> httpx2.Response:
        """Send one request, again where that is safe and may help, and return the answer (2xx or 304).

        With `stream` the body is left to be read, and the caller closes the response; it may come from an object store
        that the service points at, which is not told the key.
        Raises StatusError for every other status, ServiceUnreachable when no answer came.
        """
        request = self._build(method, path, params=params, headers=headers, content=content, timeout=timeout)
        for pause in chain(islice(pauses(), self._max_retries), [None]):
            try:
                return self._send(request, stream=stream)
            except (ServiceUnreachable, StatusError) as error:
                if pause is None or not _may_repeat(request, error):
                    raise
                asked = error.retry_after_seconds if isinstance(error, StatusError) else None
                if asked is not None and asked > LONGEST_RETRY_AFTER_SECONDS:
                    raise
                time.sleep(pause if asked is None else asked)
        raise AssertionError("the last round returns or raises")

    def send_body(self, path: str, body: Iterable[bytes], *, headers: Mapping[str, str]) -> httpx2.Response:
        """PUT a body that is read as it is sent, and therefore only once. Raises as `request` does."""
        return self._send(self._http.build_request("PUT", path, content=body, headers=headers), stream=False)

    def _build(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        timeout: float | None,
    ) -> httpx2.Request:
        given = None if params is None else {name: value for name, value in params.items() if value is not None}
        limits = httpx2.Timeout(self.timeout, read=self.timeout if timeout is None else timeout)
        return self._http.build_request(method, path, params=given, headers=headers, content=content, timeout=limits)

    def _send(self, request: httpx2.Request, *, stream: bool) -> httpx2.Response:
        with translated(self.url):
            response = self._http.send(request, stream=stream, follow_redirects=stream)
            if response.is_success or response.status_code == httpx2.codes.NOT_MODIFIED:
                return response
            try:
                response.read()
            finally:
                response.close()
        raise status_error(response)


def quoted(key: str) -> str:
    """An idempotency key as the header carries it: a quoted string. Raises ConfigurationError where no header can."""
    if not (key.isascii() and key.isprintable()) or '"' in key:
        raise ConfigurationError(
            f"an idempotency key is made of visible ASCII characters other than quotes, not {key!r}"
        )
    return f'"{key}"'


@contextmanager
def translated(url: httpx2.URL) -> Iterator[None]:
    """Raise ServiceUnreachable or ServiceTimeout for what went wrong on the way to the service."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise ServiceTimeout(f"{url} did not answer in time ({type(error).__name__})") from error
    except httpx2.TransportError as error:
        raise ServiceUnreachable(f"{url} cannot be reached: {error or type(error).__name__}") from error


def status_error(response: httpx2.Response) -> StatusError:
    """The exception for an error answer, problem document or not."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    status = response.status_code
    kind = BY_STATUS.get(status, ServerError if status >= httpx2.codes.INTERNAL_SERVER_ERROR else StatusError)
    title = str(problem.get("title") or f"{status} {response.reason_phrase}".strip())
    return kind(
        status=status,
        code=str(problem.get("code") or f"http_{status}"),
        title=title,
        detail=str(problem.get("detail") or title),
        errors=[_field_error(error) for error in problem.get("errors") or () if isinstance(error, dict)],
        request_id=problem.get("request_id") or response.headers.get("X-Request-ID"),
        retry_after_seconds=retry_after_seconds(response.headers.get("Retry-After")),
        problem=problem,
    )


def _field_error(error: dict[str, Any]) -> FieldError:
    return FieldError(pointer=str(error.get("pointer", "")), detail=str(error.get("detail", "")))


def _may_repeat(request: httpx2.Request, error: ServiceUnreachable | StatusError) -> bool:
    repeatable = request.method in _REPEATABLE_METHODS or "Idempotency-Key" in request.headers
    if isinstance(error, StatusError):
        # 409 with Retry-After: the first sending of this idempotency key is still being worked on.
        still_in_flight = error.status == httpx2.codes.CONFLICT and error.retry_after_seconds is not None
        if error.status in REFUSED_STATUSES:
            return True
        return repeatable and (error.status in LOST_STATUSES or still_in_flight)
    return repeatable or isinstance(error.__cause__, _NOT_SENT)
