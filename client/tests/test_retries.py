"""When requests are sent again. The real API is rarely that unwell, so these tests bring a server that is."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from trainyard import Client, Conflict, RateLimited, ServerError, ServiceTimeout, ServiceUnreachable, StatusError
from trainyard._retries import Patience, pauses, retry_after_seconds

VERSION = b'{"version": "1"}'


class Unwell(ThreadingHTTPServer):
    """Answers with what stands in `answers`, in order, then well; remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Unwell

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.headers.get("Idempotency-Key")))
        status, headers, body = self.server.answers.pop(0) if self.server.answers else (200, {}, VERSION)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def unwell() -> Iterator[Unwell]:
    with Unwell() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(unwell: Unwell) -> Iterator[Client]:
    with Client(unwell.url, "ty_a_b", timeout=5, max_retries=3) as made:
        yield made


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_service_that_is_away_for_a_moment_is_asked_again(client, unwell, status):
    unwell.answer(status)
    assert client.version.version == "1"
    assert len(unwell.asked) == 2


def test_retry_after_is_obeyed(client, unwell):
    unwell.answer(503, Retry_After="1")
    started = time.monotonic()
    assert client.version.version == "1"
    assert 0.95 < time.monotonic() - started < 25


def test_a_retry_after_beyond_reason_goes_to_the_caller(client, unwell):
    unwell.answer(429, b'{"title": "Slow down", "code": "too_many_requests"}', Retry_After="3600")
    with pytest.raises(RateLimited, match="Slow down") as caught:
        _ = client.version
    assert caught.value.retry_after_seconds == 3600
    assert len(unwell.asked) == 1


def test_after_the_last_retry_the_error_is_raised(client, unwell):
    for _ in range(4):
        unwell.answer(503, Retry_After="0")
    with pytest.raises(ServerError) as caught:
        _ = client.version
    assert (caught.value.status, caught.value.code) == (503, "http_503")
    assert len(unwell.asked) == 4


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
def test_what_repeating_cannot_mend_is_raised_at_once(client, unwell, status):
    unwell.answer(status)
    with pytest.raises(StatusError):
        _ = client.version
    assert len(unwell.asked) == 1


def test_a_submission_is_repeated_under_the_same_key(client, unwell):
    unwell.answer(503)
    unwell.answer(409, Retry_After="0")
    unwell.answer(201, b'{"id": "job_1", "status": "queued"}')
    assert client.jobs.submit({"data": {"dataset": "digits"}}).id == "job_1"
    (method, key), *again = unwell.asked
    assert method == "POST"
    assert key.startswith('"')
    assert again == [("POST", key)] * 2


def test_two_submissions_have_two_keys(client, unwell):
    for number in (1, 2):
        unwell.answer(201, b'{"id": "job_%d"}' % number)
        client.jobs.submit({})
    assert len({key for _, key in unwell.asked}) == 2


def test_a_conflict_is_final_where_the_service_does_not_say_when_to_come_back(client, unwell):
    unwell.answer(409, b'{"title": "Conflict", "status": 409, "detail": "the job is running"}')
    with pytest.raises(Conflict, match="the job is running"):
        client.jobs.submit({})


def test_a_new_key_is_asked_for_again_under_one_idempotency_key(client, unwell):
    unwell.answer(504)
    client.keys.create("ci", scopes=["jobs:read"])
    (first, again) = unwell.asked
    assert first == again
    assert first[1] is not None


def test_nobody_listening_is_told_in_words():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with Client(url, max_retries=1) as client, pytest.raises(ServiceUnreachable, match=url):
            _ = client.version


def test_silence_is_told_in_words():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(url, timeout=0.2, max_retries=0) as client,
            pytest.raises(ServiceTimeout, match="did not answer in time"),
        ):
            _ = client.version


def test_an_answer_that_is_no_problem_document_is_told_by_its_status(client, unwell):
    unwell.answer(404, b"<html>nginx</html>", Content_Type="text/html", X_Request_ID="r-1")
    with pytest.raises(StatusError) as caught:
        client.jobs.get("job_1")
    assert (str(caught.value), caught.value.code, caught.value.request_id) == ("404 Not Found", "http_404", "r-1")
    assert caught.value.problem == {}


@pytest.mark.parametrize("body", [b"<html>welcome to the hotel</html>", b"[]", b""])
def test_an_answer_of_something_else_than_the_service_is_told_as_such(client, unwell, body):
    unwell.answer(200, body)
    with pytest.raises(ServiceUnreachable, match="not as a Trainyard service does"):
        _ = client.version


def test_pauses_grow_to_a_ceiling_and_are_never_the_same():
    first, *_ = taken = [pause for pause, _ in zip(pauses(), range(12), strict=False)]
    assert 0.1 <= first <= 0.25
    assert max(taken) <= 8.0
    assert min(taken[6:]) >= 4.0
    assert len(set(taken)) == len(taken)


def test_retry_after_is_a_number_or_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after_seconds("7") == 7.0
    assert 0 < retry_after_seconds(soon) <= 30
    assert retry_after_seconds(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) == 0.0
    assert retry_after_seconds("soon") is None
    assert retry_after_seconds(None) is None


def test_patience_ends_and_is_renewed_by_a_sign_of_life():
    error = ServiceUnreachable("away")
    patience = Patience(seconds=0.05)
    patience.spend(error)
    with pytest.raises(ServiceUnreachable):
        patience.spend(error)
    patience.renew()
    patience.spend(error)
