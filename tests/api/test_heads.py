"""HEAD answers like GET, without the content, for every route that takes GET."""

import re

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.api.conftest import Server
from tests.api.steps import submit

CHANGING = {"x-request-id", "date", "ratelimit", "content-length"}


def lasting(answer: httpx2.Response) -> dict[str, str]:
    """Its headers without what changes from one request to the next, such as the second in an event file's name."""
    kept = {name: value for name, value in answer.headers.items() if name not in CHANGING}
    return {name: re.sub(r"(?<=tfevents\.)\d+", "<second>", value) for name, value in kept.items()}


@pytest.fixture
def plain(client: TestClient) -> TestClient:
    """Without the check against the interface's description, which does not list what HTTP itself promises."""
    client.event_hooks["response"].clear()
    return client


def test_every_route_that_takes_get_takes_head(plain: TestClient):
    job_id = submit(plain)["id"]
    documented = plain.get("/openapi.json").json()["paths"]
    paths = ["/", *sorted(path for path, methods in documented.items() if "get" in methods)]
    assert len(paths) > 20
    for path in paths:
        url = path.replace("{job_id}", job_id).replace("{", "x").replace("}", "x")
        got, head = plain.get(url), plain.head(url)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert lasting(head) == lasting(got), path


def test_the_length_is_that_of_the_content_and_streams_end(server: Server):
    with server.client() as http:
        job_id = submit(http)["id"]
        got, head = http.get("/version"), http.head("/version")
        assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))
        stream = http.head(f"/v1/jobs/{job_id}/events", headers={"Accept": "text/event-stream"})
        assert (stream.status_code, stream.content) == (200, b"")
        assert http.get("/healthz").json() == {"status": "ok"}, "on the same connection"


def test_it_needs_a_key_like_anything_else(plain: TestClient):
    assert plain.head("/v1/jobs", headers={"Authorization": ""}).status_code == 401
    assert plain.head("/v1/keys/x/rotate").status_code == plain.get("/v1/keys/x/rotate").status_code
