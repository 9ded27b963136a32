"""Every error is a problem document, and every answer carries the headers that keep it from doing harm."""

import http.client
import json
import re

import pytest
from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient

from api.authentication import JobsRead
from api.edge import DEFAULT_HEADERS
from api.main import create_app
from models.database import Database
from models.errors import Unavailable
from models.settings import Settings
from tests.api.conftest import Connect, Server, make_key
from tests.api.steps import pointers, problem, submit


def test_an_address_with_nothing_behind_it_is_a_problem(client: TestClient):
    body = problem(client.get("/v1/nothing"), 404, "not_found")
    assert body["type"] == "about:blank"
    assert body["title"] == "Not found"
    assert body["instance"] == "/v1/nothing"
    problem(client.get("/v1/jobs/"), 404, "not_found")
    problem(client.get("/assets/nothing.js"), 404, "not_found")


def test_a_method_that_is_not_taken_names_those_that_are(client: TestClient):
    answer = client.put("/v1/jobs")
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].replace(" ", "").split(",")) & {"GET", "POST"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("stauts=failed", "?stauts"),
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("limit=ten", "?limit"),
        ("limit=1&limit=2", "?limit"),
        ("status=done", "?status.0"),
        ("created_after=yesterday", "?created_after"),
        ("created_after=2026-11-22T10:00:00", "?created_after"),
        ("label.=x", "?label."),
        ("label=x", "?label"),
        (f"name={'x' * 201}", "?name"),
    ],
)
def test_a_wrong_query_parameter_is_named(client: TestClient, query: str, pointer: str):
    body = problem(client.get(f"/v1/jobs?{query}"), 422, "invalid_parameter")
    assert pointers(body) == [pointer]


def test_an_unknown_parameter_is_told_what_there_is(client: TestClient):
    detail = client.get("/v1/jobs?stauts=failed").json()["detail"]
    assert "status" in detail
    assert "label." in detail


@pytest.mark.parametrize(
    "path", ["/v1/jobs?name=%00", "/v1/jobs/%00", "/v1/jobs?label.a=%00", "/v1/jobs/x/metrics/%00"]
)
def test_what_no_database_stores_is_refused_in_addresses(client: TestClient, path: str):
    problem(client.get(path), 400, "invalid_parameter")


@pytest.mark.parametrize(
    ("content_type", "content"),
    [(None, b"{}"), ("text/plain", b"{}"), ("application/x-www-form-urlencoded", b"a=b"), ("application/jsonx", b"{}")],
)
def test_a_body_that_is_not_declared_as_json_is_refused(client: TestClient, content_type: str | None, content: bytes):
    headers = {} if content_type is None else {"Content-Type": content_type}
    problem(client.post("/v1/jobs", content=content, headers=headers), 415, "unsupported_media_type")


def test_json_by_any_of_its_names_is_read(client: TestClient):
    path = f"/v1/jobs/{submit(client)['id']}"
    for name in ("application/json; charset=utf-8", "application/merge-patch+json", "Application/JSON"):
        answer = client.patch(path, content=b'{"name": "x"}', headers={"Content-Type": name})
        assert answer.status_code == 200, answer.text


def test_a_body_over_the_limit_is_refused_by_its_declared_length(client: TestClient, settings: Settings):
    content = b" " * (settings.max_body_bytes + 1)
    body = problem(client.post("/v1/jobs", content=content), 413, "payload_too_large")
    assert body["max_bytes"] == settings.max_body_bytes


def test_a_body_over_the_limit_is_refused_without_a_declared_length(client: TestClient, settings: Settings):
    blocks = (b" " * 65536 for _ in range(settings.max_body_bytes // 65536 + 1))
    problem(client.post("/v1/jobs", content=blocks), 413, "payload_too_large")


def test_two_declared_gigabytes_are_refused_before_they_are_sent(server: Server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("POST", "/v1/jobs")
    for name, value in {**server.headers, "Content-Type": "application/json", "Content-Length": str(2 << 30)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(b"x" * 4096)
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["code"] == "payload_too_large"
    assert answer.headers["connection"] == "close"
    connection.close()


def test_an_unexpected_error_tells_nothing_of_itself(settings: Settings, database: Database, caplog):
    client = _client_with(settings, database, RuntimeError("the password is hunter2"))
    with client:
        answer = client.get("/v1/broken", headers={"X-Request-ID": "mine-1"})
    body = problem(answer, 500, "internal_error")
    assert "hunter2" not in answer.text
    assert body["request_id"] == "mine-1"
    assert answer.headers["content-security-policy"] == DEFAULT_HEADERS["Content-Security-Policy"]
    assert "hunter2" in caplog.text


def test_a_database_that_does_not_answer_is_503_with_a_time_to_try_again(settings: Settings, database: Database):
    client = _client_with(
        settings, database, Unavailable("The database does not answer.", headers={"Retry-After": "1"})
    )
    with client:
        answer = client.get("/v1/broken")
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def _client_with(settings: Settings, database: Database, error: Exception) -> TestClient:
    """A client of an application with a route that fails."""
    router = APIRouter()

    @router.get("/v1/broken")
    def broken(_: JobsRead) -> None:
        raise error

    app: FastAPI = create_app(settings)
    app.include_router(router)
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    client.headers["Authorization"] = f"Bearer {make_key(database, 'admin')}"
    return client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/jobs", 200),
        ("GET", "/healthz", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nothing", 404),
        ("GET", "/v1/jobs/x", 404),
        ("PUT", "/v1/jobs", 405),
        ("POST", "/v1/jobs", 415),
        ("GET", "/v1/jobs?x=1", 422),
    ],
)
def test_every_answer_carries_the_security_headers(client: TestClient, method: str, path: str, status: int):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in DEFAULT_HEADERS} == DEFAULT_HEADERS
    assert "strict-transport-security" not in answer.headers


def test_answers_to_nobody_carry_them_too(client: TestClient):
    for answer in (client.get("/v1/jobs", headers={"Authorization": ""}), client.get("/", headers={"Host": "evil"})):
        assert answer.status_code in {400, 401}
        assert {name: answer.headers[name] for name in DEFAULT_HEADERS} == DEFAULT_HEADERS


def test_the_pages_files_carry_all_but_their_own_policy(client: TestClient):
    page = client.get("/")
    asset = re.search(r'"(/?assets/[^"]+)"', page.text)[1]
    file = client.get(f"/{asset.lstrip('/')}")
    known = client.get(f"/{asset.lstrip('/')}", headers={"If-None-Match": file.headers["etag"]})
    assert (file.status_code, known.status_code) == (200, 304)
    for answer in (page, file, known):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["permissions-policy"] == DEFAULT_HEADERS["Permissions-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_over_tls_browsers_are_told_to_stay_there(client: TestClient):
    assert client.get("https://localhost/healthz").headers["strict-transport-security"] == "max-age=31536000"


def test_the_page_may_run_its_own_scripts_and_nothing_else(client: TestClient):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_a_request_id_is_echoed_or_made(client: TestClient):
    assert client.get("/healthz", headers={"X-Request-ID": "abc.DEF-1_2"}).headers["x-request-id"] == "abc.DEF-1_2"
    made = {client.get("/healthz", headers={"X-Request-ID": odd}).headers["x-request-id"] for odd in ("a b", "x" * 129)}
    assert len(made) == 2
    assert all(len(identifier) == 32 for identifier in made)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost@evil.example", "", "127.0.0.2"])
def test_a_foreign_host_name_is_refused_with_any_method(connect: Connect, host: str):
    client = connect("admin")
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        problem(client.request(method, "/v1/jobs", headers={"Host": host}), 400, "unknown_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_the_names_of_this_machine_are_answered(client: TestClient, host: str):
    assert client.get("/v1/jobs", headers={"Host": host}).status_code == 200


def test_a_page_of_another_origin_is_told_nothing(client: TestClient):
    answer = client.options(
        "/v1/jobs", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )
    problem(answer, 405, "method_not_allowed")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("path", "body", "pointer", "detail"),
    [
        ("/v1/keys", {"name": "ci", "scopes": []}, "#/scopes", "must have at least 1 item"),
        ("/v1/keys", {"scopes": ["jobs:read"]}, "#/name", "is required"),
        (
            "/v1/keys",
            {"name": "ci", "scopes": ["jobs:read"], "scope": 1},
            "#/scope",
            "is not a field here; the fields are `name`, `scopes`, `project`, `expires_at`",
        ),
        (
            "/v1/projects",
            {"name": "risk", "quotas": {"queued_jobs": "many"}},
            "#/quotas/queued_jobs",
            "must be a valid integer or 'unlimited'",
        ),
        ("/v1/projects", {"name": "risk", "quotas": 3}, "#/quotas", "must be an object"),
        ("/v1/datasets", {"name": "a", "format": "csv"}, "#", "give bytes and send the content, or give the url"),
    ],
)
def test_a_wrong_body_is_named_by_its_place_and_in_words(client: TestClient, path, body, pointer, detail):
    told = problem(client.post(path, json=body), 422, "invalid_body")
    (mistake,) = told["errors"]
    assert mistake["pointer"] == pointer
    assert mistake["detail"].startswith(detail)
    assert told["detail"] == f"{pointer} {mistake['detail']}"


def test_a_place_with_a_slash_in_its_name_is_a_pointer_still(client: TestClient):
    told = client.patch(f"/v1/jobs/{submit(client)['id']}", json={"labels": {"a/b": 3, "c d": "x"}}).json()
    assert pointers(told) == ["#/labels/a~1b", "#/labels/c d"]
