"""One client cannot starve the others, and says so in the fields of the RateLimit draft."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api.main import create_app
from models.database import Database
from models.settings import Settings
from tests.api.conftest import Connect, Server, _connecting, make_key, serving
from tests.api.steps import SPEC, problem, submit
from tests.fixtures.waiting import wait_for


@pytest.fixture
def limited(settings: Settings, database: Database):
    limits = {"requests_per_minute": 5, "wrong_keys_per_minute": 3, "max_queued_jobs": 2, "max_project_bytes": 100}
    with _connecting(create_app(settings.model_copy(update=limits)), database) as new:
        yield new


def test_every_answer_says_what_is_left(connect: Connect):
    answers = [connect("admin").get("/v1/jobs"), connect("admin").get("/v1/jobs/job_none")]
    for answer in answers:
        assert answer.headers["ratelimit-policy"] == '"default";q=120000;w=60'
        assert re.fullmatch(r'"default";r=119999;t=\d+', answer.headers["ratelimit"])


def test_a_key_that_asks_too_much_is_told_when_to_come_again(limited: Connect):
    client = limited("jobs:read")
    assert [client.get("/v1/jobs").status_code for _ in range(5)] == [200] * 5
    refused = client.get("/v1/jobs")
    problem(refused, 429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 120  # of this minute and, where it was full, of the next
    assert refused.headers["ratelimit"].startswith('"default";r=0;')


def test_another_key_is_not_held_up(limited: Connect):
    greedy, modest = limited("jobs:read"), limited("jobs:read")
    for _ in range(6):
        greedy.get("/v1/jobs")
    assert modest.get("/v1/jobs").status_code == 200


def test_public_paths_are_not_counted(limited: Connect):
    client = limited("jobs:read")
    assert {client.get("/healthz").status_code for _ in range(10)} == {200}


def test_an_address_that_tries_keys_is_shut_out_with_good_ones_too(limited: Connect, database: Database):
    good = limited("jobs:read")
    bad = limited(key="ty_wrong_wrong")
    for _ in range(3):
        problem(bad.get("/v1/jobs"), 401, "unauthorized")
    problem(bad.get("/v1/jobs"), 429, "rate_limited")
    refused = good.get("/v1/jobs")
    problem(refused, 429, "rate_limited")
    assert refused.headers["ratelimit-policy"] == '"wrong_keys";q=3;w=60'
    assert refused.headers["ratelimit"].startswith('"wrong_keys";r=0;')


def test_a_project_cannot_fill_the_queue(limited: Connect):
    client = limited("admin")
    first = submit(client)
    submit(client)
    body = problem(client.post("/v1/jobs", json=SPEC), 429, "quota_exceeded")
    assert (body["quota"], body["limit"], body["used"]) == ("queued_jobs", 2, 3)
    assert body["detail"].startswith("With this one 3 jobs of the project would wait, and 2 may;")
    problem(client.post(f"/v1/jobs/{first['id']}/fork"), 429, "quota_exceeded")
    assert limited("admin", project="other").post("/v1/jobs", json=SPEC).status_code == 201


def test_a_project_cannot_fill_the_disk(limited: Connect):
    client = limited("admin")
    declared = {"name": "a", "format": "csv", "bytes": 60}
    assert client.post("/v1/datasets", json=declared).status_code == 201
    assert problem(client.post("/v1/datasets", json=declared), 429, "quota_exceeded")["quota"] == "dataset_bytes"
    assert client.post("/v1/datasets", json={**declared, "bytes": 40}).status_code == 201
    assert limited("admin", project="other").post("/v1/datasets", json=declared).status_code == 201


def test_a_key_made_later_starts_with_a_whole_allowance(limited: Connect, database: Database):
    assert (
        limited(key=make_key(database, "jobs:read")).get("/v1/jobs").headers["ratelimit"].startswith('"default";r=4;')
    )


@pytest.fixture
def impatient(settings: Settings, database: Database) -> Iterator[Server]:
    """A service on a socket where bodies have a moment to arrive."""
    with serving(create_app(settings.model_copy(update={"body_seconds": 2.0}))) as (url, app):
        yield Server(url, make_key(database, "admin"), database, app)


@contextmanager
def _begun(
    server: Server, method: str, path: str, *, length: int, begun: bytes
) -> Iterator[http.client.HTTPConnection]:
    """A request whose body stops in the middle."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.putrequest(method, path)
        headers = {**server.headers, "Content-Type": "application/json", "Content-Length": str(length)}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(begun)
        yield connection
    finally:
        connection.close()


def test_a_body_that_does_not_arrive_is_408_and_the_connection_is_closed(impatient: Server):
    with _begun(impatient, "POST", "/v1/jobs", length=1000, begun=b'{"data": ') as connection:
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (408, "request_timeout")
        assert answer.headers["connection"] == "close"
    with impatient.client() as client:
        assert client.get("/v1/jobs").json()["data"] == []


def test_a_body_that_trickles_has_no_more_time_than_one_that_stands_still(impatient: Server):
    with _begun(impatient, "POST", "/v1/jobs", length=1_000_000, begun=b"{") as connection:
        connection.sock.setblocking(False)
        answer = wait_for(lambda: _trickled(connection), "an answer to a body that trickles", pause_seconds=0.05)
    assert answer.startswith(b"HTTP/1.1 408 ")


def _trickled(connection: http.client.HTTPConnection) -> bytes:
    """What the service has answered so far; where it has not, one more byte."""
    try:
        return connection.sock.recv(4096)
    except BlockingIOError:
        connection.sock.send(b" ")
        return b""


def test_an_upload_that_stands_still_is_cut_and_goes_on_where_it_was(impatient: Server):
    with impatient.client() as client:
        dataset_id = client.post("/v1/datasets", json={"name": "a", "format": "csv", "bytes": 8}).json()["id"]
        path = f"/v1/datasets/{dataset_id}/content"
        with _begun(impatient, "PUT", path, length=8, begun=b"a,b\n") as connection:
            assert connection.getresponse().status == 408
        assert client.get(f"/v1/datasets/{dataset_id}").json()["received_bytes"] == 4
        assert client.put(path, content=b"1,2\n", headers={"Upload-Offset": "4"}).status_code == 202
