"""Datasets by URL: only where it is allowed, only from where it is allowed, and whatever the source does."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from api.main import create_app
from models.database import Database
from models.settings import Settings
from models.tables import datasets
from tests.api.conftest import _connecting
from tests.api.steps import pointers, problem
from tests.api.uploading import DIGEST, ROWS, declare, profiled
from tests.fixtures.sources import Source, head, send, serving_content
from tests.fixtures.waiting import wait_for

LOOPBACK = {"dataset_urls": "127.0.0.0/8"}
DECLARED = {"name": "people", "format": "csv"}


@pytest.fixture
def source() -> Iterator[Source]:
    with serving_content(ROWS) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for new imports many times a second, and try again at once."""
    monkeypatch.setattr("api.imports._EVERY_SECONDS", 0.02)
    monkeypatch.setattr("api.imports._PAUSES_SECONDS", (0.01, 0.01, 0.01))


@pytest.fixture
def unprofiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what comes after the fetch and takes a process of its own each time."""
    monkeypatch.setattr("api.profiling.Profiler.profile", lambda *_: None)


@contextmanager
def importing(settings: Settings, database: Database, **changes: Any) -> Iterator[TestClient]:
    with _connecting(create_app(settings.model_copy(update={**LOOPBACK, **changes})), database) as new:
        yield new("admin")


@pytest.fixture
def api(settings: Settings, database: Database) -> Iterator[TestClient]:
    with importing(settings, database) as client:
        yield client


def _import(api: TestClient, source: Source, **fields: Any) -> dict[str, Any]:
    """The dataset once it has been fetched, or given up."""
    answer = api.post("/v1/datasets", json={**DECLARED, "url": source.url(), **fields})
    assert answer.status_code == 201, answer.text
    return _fetched(api, answer.headers["location"])


def _fetched(api: TestClient, path: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        dataset: dict[str, Any] = api.get(path).json()
        return dataset if dataset["status"] != "awaiting_content" else None

    found = wait_for(over, "the content", timeout_seconds=60)
    assert found is not None
    return found


def _refusal(api: TestClient, source: Source, **fields: Any) -> str:
    """Why the import came to nothing."""
    found = _import(api, source, **fields)
    assert (found["status"], found["reason"]["code"]) == ("invalid", "import_failed")
    return str(found["reason"]["message"])


def test_a_dataset_is_fetched_checked_and_profiled(api: TestClient, source: Source):
    found = profiled(api, f"/v1/datasets/{_import(api, source, sha256=DIGEST)['id']}")
    assert (found["status"], found["bytes"], found["received_bytes"]) == ("ready", len(ROWS), len(ROWS))
    assert (found["sha256"], found["profile"]["rows"]) == (DIGEST, 200)
    assert found["source"] == {"url": source.url().partition("?")[0]}  # what signs a URL is nobody else's
    assert source.asked[0]["accept-encoding"] == "identity"
    assert "authorization" not in source.asked[0]


@pytest.mark.usefixtures("unprofiled")
def test_equal_content_is_stored_once_however_it_came(api: TestClient, source: Source, settings: Settings):
    api.put(f"{declare(api)}/content", content=ROWS)
    assert _import(api, source)["sha256"] == DIGEST
    assert len(list((settings.data_dir / "artifacts" / "datasets").iterdir())) == 1


def test_nothing_is_imported_unless_it_is_allowed(client: TestClient, source: Source):
    body = problem(client.post("/v1/datasets", json={**DECLARED, "url": source.url()}), 422, "invalid_body")
    assert pointers(body) == ["#/url"]
    assert "TRAINYARD_DATASET_URLS" in body["detail"]
    assert source.asked == []


@pytest.mark.parametrize("fields", [{}, {"url": "https://example.com/a.csv", "bytes": 5}])
def test_a_dataset_has_one_source(api: TestClient, fields: dict[str, Any]):
    problem(api.post("/v1/datasets", json={**DECLARED, **fields}), 422, "invalid_body")


@pytest.mark.usefixtures("unprofiled")
def test_an_import_takes_no_upload(api: TestClient, source: Source):
    gate = threading.Event()
    source.behave = lambda source, to: (gate.wait(60), send(source, to))[1]
    path = api.post("/v1/datasets", json={**DECLARED, "url": source.url()}).headers["location"]
    problem(api.put(f"{path}/content", content=ROWS), 409, "content_imported")
    assert api.get(path).json()["status"] == "awaiting_content"
    gate.set()
    assert _fetched(api, path)["sha256"] == DIGEST


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("public", "https://127.0.0.1/a.csv"),
        ("public", "http://example.com/a.csv"),
        ("public", "https://169.254.169.254/latest/meta-data"),
        ("10.0.0.0/8", "http://127.0.0.1/a.csv"),
        ("public,127.0.0.0/8", "https://[::ffff:10.0.0.1]/a.csv"),
        ("public,127.0.0.0/8", "file:///etc/passwd"),
        ("public,127.0.0.0/8", "https://user:secret@example.com/a.csv"),
    ],
)
def test_a_url_that_leads_where_it_may_not_is_refused_at_once(settings, database: Database, allowed: str, url: str):
    with importing(settings, database, dataset_urls=allowed) as api:
        assert pointers(problem(api.post("/v1/datasets", json={**DECLARED, "url": url}), 422, "invalid_body")) == [
            "#/url"
        ]


def test_a_public_address_is_refused_where_only_networks_are_allowed(api: TestClient, source: Source):
    assert "not in an allowed network" in _refusal(api, source, url="https://8.8.8.8/a.csv")


def _cut_once(source: Source, to: BaseHTTPRequestHandler) -> None:
    send(source, to, most=500 if len(source.asked) == 1 else None)


@pytest.mark.usefixtures("unprofiled")
def test_a_cut_fetch_goes_on_where_it_stopped(api: TestClient, source: Source):
    source.behave = _cut_once
    assert _import(api, source)["sha256"] == DIGEST
    assert [asked.get("range") for asked in source.asked] == [None, "bytes=500-"]
    assert source.asked[1]["if-range"] == source.tag


@pytest.mark.usefixtures("unprofiled")
def test_a_source_that_has_changed_meanwhile_is_fetched_from_the_start(api: TestClient, source: Source):
    def change(source: Source, to: BaseHTTPRequestHandler) -> None:
        _cut_once(source, to)
        if len(source.asked) == 1:
            source.content, source.tag = ROWS[: len(ROWS) // 2 + 3].rpartition(b"\n")[0] + b"\n", '"two"'

    source.behave = change
    assert _import(api, source)["sha256"] == hashlib.sha256(source.content).hexdigest()


@pytest.mark.usefixtures("unprofiled")
def test_a_source_without_tags_is_fetched_from_the_start(api: TestClient, source: Source):
    source.behave = lambda source, to: send(source, to, most=500 if len(source.asked) == 1 else None, ETag="")
    assert _import(api, source)["sha256"] == DIGEST
    assert "range" not in source.asked[1]


@pytest.mark.usefixtures("unprofiled")
def test_another_range_than_was_asked_for_mixes_nothing(api: TestClient, source: Source):
    def lie(source: Source, to: BaseHTTPRequestHandler) -> None:
        if "Range" not in to.headers:
            return _cut_once(source, to)
        return send(source, to, Content_Range=f"bytes 400-{len(ROWS) - 101}/{len(ROWS)}")

    source.behave = lie
    assert _import(api, source)["sha256"] == DIGEST
    assert [asked.get("range") for asked in source.asked] == [None, "bytes=500-", None]


def test_a_source_that_fails_is_asked_again_and_at_last_given_up(api: TestClient, source: Source):
    source.behave = lambda source, to: head(to, 503, source, num_bytes=0)
    assert "answered 503; tried 4 times" in _refusal(api, source)
    assert len(source.asked) == 4


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda source, to: head(to, 404, source, num_bytes=0), "answered 404"),
        (lambda source, to: head(to, 302, source, num_bytes=0, Location="/other"), "redirects are not followed"),
        (lambda source, to: send(source, to, Content_Length=""), "how long"),
        (lambda source, to: head(to, 200, source, num_bytes=0), "how long"),
        (lambda source, to: head(to, 200, source, num_bytes=10**15), "may have"),
        (lambda source, to: send(source, to, Content_Encoding="gzip"), "packs"),
    ],
    ids=["gone", "redirect", "endless", "empty", "huge", "packed"],
)
def test_a_source_that_is_none_is_asked_once(api: TestClient, source: Source, answer: Any, message: str):
    source.behave = answer
    assert message in _refusal(api, source)
    assert len(source.asked) == 1


def test_content_that_is_not_what_was_declared_is_refused(api: TestClient, source: Source):
    assert "SHA-256" in _refusal(api, source, sha256="0" * 64)


def test_a_source_that_trickles_is_given_up(api: TestClient, source: Source, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.imports._GRACE_SECONDS", 0.2)
    stop = threading.Event()

    def trickle(source: Source, to: BaseHTTPRequestHandler) -> None:
        head(to, 200, source, num_bytes=len(ROWS))
        while not stop.wait(0.05):
            to.wfile.write(b"x")

    source.behave = trickle
    assert "bytes a second" in _refusal(api, source)
    stop.set()


def test_a_fetch_that_takes_too_long_is_given_up(api: TestClient, source: Source, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.imports._LONGEST_SECONDS", -1.0)
    assert "did not arrive within" in _refusal(api, source)


def test_a_project_cannot_fill_the_disk_by_url(settings: Settings, database: Database, source: Source):
    with importing(settings, database, max_project_bytes=len(ROWS) - 1) as api:
        assert "they may" in _refusal(api, source)


def test_an_import_that_is_deleted_meanwhile_leaves_nothing(api: TestClient, source: Source, settings: Settings):
    begun, gate = threading.Event(), threading.Event()

    def hold(source: Source, to: BaseHTTPRequestHandler) -> None:
        begun.set()
        gate.wait(60)
        send(source, to)

    source.behave = hold
    path = api.post("/v1/datasets", json={**DECLARED, "url": source.url()}).headers["location"]
    assert begun.wait(60)
    assert api.delete(path).status_code == 204
    gate.set()
    problem(api.get(path), 404, "dataset_not_found")
    folder = settings.data_dir / "artifacts" / "datasets"
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.usefixtures("unprofiled")
def test_a_service_that_stops_lets_the_next_one_go_on(settings: Settings, database: Database, source: Source):
    held = threading.Event()

    def hold(source: Source, to: BaseHTTPRequestHandler) -> None:
        if len(source.asked) > 1:
            return send(source, to)
        head(to, 200, source, num_bytes=len(ROWS))
        to.wfile.write(ROWS[:500])
        to.wfile.flush()
        held.wait(60)
        return None

    source.behave = hold
    with importing(settings, database) as api:
        path = api.post("/v1/datasets", json={**DECLARED, "url": source.url()}).headers["location"]
        wait_for(lambda: source.asked, "the fetch")
    held.set()
    with database.unit_of_work() as connection:
        connection.execute(update(datasets).values(updated_at=0.0))  # a minute and a half later
    with importing(settings, database) as api:
        assert _fetched(api, path)["sha256"] == DIGEST
