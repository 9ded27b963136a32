"""What the API logs of a request, and what ties its lines, its job and its answer together."""

import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from models.logbook import JsonLines
from tests.api.conftest import Connect
from tests.api.steps import SPEC, problem, submit

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Lines(logging.Handler):
    """Keeps every line as a log collector would parse it."""

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.raw.append(JsonLines().format(record))

    def of(self, logger: str) -> list[dict[str, object]]:
        return [line for line in map(json.loads, self.raw) if line["logger"] == logger]


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger, handler = logging.getLogger("trainyard"), Lines()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_a_request_is_one_line_with_route_status_time_and_key_id(client: TestClient, lines: Lines):
    job_id = submit(client)["id"]
    answer = client.get(f"/v1/jobs/{job_id}?secret=in-the-query", headers={"X-Request-ID": "mine-1"})
    *_, line = lines.of("trainyard.access")
    key = client.headers["Authorization"].removeprefix("Bearer ")
    assert (line["message"], line["level"]) == ("GET /v1/jobs/{job_id} 422", "info")
    assert (line["route"], line["status"], line["request_id"]) == ("/v1/jobs/{job_id}", 422, "mine-1")
    assert (line["job_id"], line["project"]) == (job_id, "default")
    assert float(str(line["milliseconds"])) >= 0
    assert str(line["key_id"]).removeprefix("key_")
    assert answer.headers["x-request-id"] == "mine-1"
    assert "in-the-query" not in "".join(lines.raw)
    assert key.rsplit("_", 1)[1] not in "".join(lines.raw)


def test_a_request_without_a_key_is_logged_without_one(connect: Connect, lines: Lines):
    problem(connect(key="ty_wrong_key").get("/v1/jobs"), 401, "unauthorized")
    (line,) = lines.of("trainyard.access")
    assert (line["status"], "key_id" in line) == (401, False)


def test_probes_are_told_only_when_they_fail(client: TestClient, lines: Lines):
    assert client.get("/healthz").status_code == 200
    assert [line for line in lines.of("trainyard.access") if line["level"] != "debug"] == []


@pytest.mark.parametrize("evil", ["x\n{}", "x\r\n10:20:30 error forged", "x\u2028forged", "x\x1b[2K"])
def test_nothing_that_is_sent_forges_a_line(client: TestClient, lines: Lines, evil: str):
    header = evil.replace("\r", " ").replace("\n", " ").encode()  # the server itself lets no line break through
    client.get(f"/v1/jobs/{quote(evil)}", headers={"X-Request-ID": header, "traceparent": header})
    (line,) = lines.of("trainyard.access")
    assert all("\n" not in raw for raw in lines.raw)
    assert (line["route"], "job_id" in line) == ("/v1/jobs/{job_id}", False)
    assert evil not in str(line["request_id"])


def test_the_callers_trace_is_the_jobs_and_stands_on_every_line(client: TestClient, lines: Lines):
    answer = client.post("/v1/jobs", json=SPEC, headers={"traceparent": PARENT})
    assert answer.json()["trace_id"] == TRACE
    assert client.get(f"/v1/jobs/{answer.json()['id']}").json()["trace_id"] == TRACE
    first, second = lines.of("trainyard.access")
    assert first["trace_id"] == TRACE != second["trace_id"]


def test_a_broken_trace_of_the_caller_is_replaced(client: TestClient):
    answer = client.post("/v1/jobs", json=SPEC, headers={"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"})
    assert len(answer.json()["trace_id"]) == 32
    assert int(answer.json()["trace_id"], 16)


def test_an_unexpected_error_is_logged_under_the_request_and_the_trace(app: FastAPI, connect: Connect, lines: Lines):
    def broken() -> None:
        raise RuntimeError("broken\nforged")

    client = connect("admin")
    client.event_hooks["response"].clear()
    app.get("/v1/broken-here")(broken)
    client.get("/v1/broken-here", headers={"traceparent": PARENT, "X-Request-ID": "mine-2"})
    (error,) = lines.of("trainyard.api")
    assert (error["trace_id"], error["request_id"]) == (TRACE, "mine-2")
    assert "RuntimeError" in str(error["exception"])
