"""Webhook endpoints: made, read, changed and deleted by their own project alone, and only towards public addresses."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from models import events
from models.database import Database
from tests.api.conftest import Connect
from tests.api.hooks import arrive, delivered, make
from tests.api.steps import problem, submit
from tests.fixtures.receivers import Receiver


@pytest.fixture
def api(webhooks_api: TestClient) -> TestClient:
    return webhooks_api


def test_another_project_hears_nothing(webhooks_connect: Connect, database: Database, receiver: Receiver):
    mine, theirs = webhooks_connect("admin"), webhooks_connect("admin", project="other")
    foreign = make(theirs, receiver)
    own = make(mine, receiver)
    submit(mine)
    arrive(receiver, 1)
    assert delivered(theirs, foreign, status=None) == []
    assert len(delivered(mine, own, status=None)) == 1
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/rotate"),
        ("POST", "/test"),
        ("GET", "/deliveries"),
    ):
        body = {"json": {}} if method == "PATCH" else {}
        problem(mine.request(method, f"/v1/webhooks/{foreign['id']}{path}", **body), 404, "not_found")


def test_the_secret_is_shown_once(api: TestClient, receiver: Receiver):
    webhook = make(api, receiver)
    path = f"/v1/webhooks/{webhook['id']}"
    answers = [
        api.get(path),
        api.get("/v1/webhooks"),
        api.patch(path, json={"description": "x"}),
        api.get(f"{path}/deliveries"),
    ]
    assert all(webhook["secret"] not in answer.text for answer in answers)
    assert answers[2].json()["description"] == "x"


def test_a_replayed_request_makes_one_endpoint(api: TestClient, receiver: Receiver):
    body, headers = {"url": receiver.url}, {"Idempotency-Key": '"once"'}
    first = api.post("/v1/webhooks", json=body, headers=headers)
    assert api.post("/v1/webhooks", json=body, headers=headers).json() == first.json()
    assert len(api.get("/v1/webhooks").json()["data"]) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/url"),
        ({"url": "https://169.254.169.254/"}, "#/url"),
        ({"url": "ftp://example.com"}, "#/url"),
        ({"url": "https://example.com", "events": ["job.exploded"]}, "#/events/0"),
        ({"url": "https://example.com", "events": []}, "#/events"),
        ({"url": "https://example.com", "format": "xml"}, "#/format"),
        ({"url": "https://example.com", "secret": "mine"}, "#/secret"),
        ({"url": "https://example.com", "description": "a\nb"}, "#/description"),
    ],
)
def test_a_bad_request_is_told_where_it_is_wrong(api: TestClient, body: dict, pointer: str):
    assert problem(api.post("/v1/webhooks", json=body), 422, "invalid_body")["errors"][0]["pointer"] == pointer


def test_a_private_address_is_refused_without_an_allowed_network(connect: Connect):
    api = connect("admin")
    for url in ("https://10.0.0.1/", "http://example.com/", "https://localhost/"):
        assert (
            problem(api.post("/v1/webhooks", json={"url": url}), 422, "invalid_body")["errors"][0]["pointer"] == "#/url"
        )


def test_deleting_an_endpoint_ends_it(api: TestClient, receiver: Receiver):
    webhook = make(api, receiver)
    path = f"/v1/webhooks/{webhook['id']}"
    assert api.delete(path).status_code == 204
    submit(api)
    problem(api.get(path), 404, "not_found")
    problem(api.delete(path), 404, "not_found")
    assert receiver.requests == []


def test_every_type_of_event_that_the_service_writes_can_be_asked_for():
    root = Path(events.__file__).parents[1]
    text = "".join(path.read_text() for room in ("models", "worker") for path in (root / room).rglob("*.py"))
    written = set(re.findall(r'Entry\("(job\.\w+)"', text))
    assert written
    assert written <= set(events.TYPES)
