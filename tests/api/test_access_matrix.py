"""Every route and method against everyone who must not pass: generated from the route table, so that a route that
somebody adds tomorrow fails here until it says what it means to others.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from sqlalchemy import update
from starlette.testclient import TestClient

from api.auditing import READING
from api.authentication import ANY, PUBLIC_PATHS, declared_scopes
from api.main import create_app
from api.refusals import CHANGING
from models import audit, key_text, keys, projects
from models.clock import now
from models.database import Database
from models.pages import PageRequest
from models.principal import SCOPES
from models.settings import Settings
from models.tables import api_keys
from tests.api.access import ENTRIES, NOTHING, Entry
from tests.api.conftest import make_key
from tests.api.steps import finish, problem, running, save_checkpoint, submit, write_points
from tests.models.test_workers import _register

APP = create_app(Settings())


def routes(app: FastAPI) -> list[RouteContext]:
    found = [route for route in iter_route_contexts(app.routes) if isinstance(route.original_route, APIRoute)]
    return [route for route in found if route.path not in PUBLIC_PATHS]


BY_NAME = {route.name: route for route in routes(APP)}


@dataclass
class World:
    """A running service, and what the project `default` has there."""

    client: TestClient
    database: Database
    has: Mapping[str, str]

    def call(self, name: str, text: str | None, method: str | None = None) -> httpx2.Response:
        """Send an operation's request with this Authorization header."""
        entry, route = ENTRIES[name], BY_NAME[name]
        path = self.filled(re.sub(r":path\}", "}", str(route.path)), entry) + self.filled(entry.query, entry)
        given = {"json": entry.json} if entry.json is not None else {}
        if entry.content is not None:
            given = {"content": entry.content}
        headers = {} if text is None else {"Authorization": text}
        return self.client.request(method or min(route.methods or ()), path, headers=headers, **given)

    def filled(self, template: str, entry: Entry) -> str:
        while "{" in template:
            template = template.format_map({**self.has, **entry.fill})
        return template

    def key(self, *scopes: str, project: str = "default") -> str:
        return f"Bearer {make_key(self.database, *scopes, project=project)}"


@pytest.fixture(scope="module")
def world(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("matrix")
    url = f"sqlite:///{folder / 'trainyard.db'}"
    (folder / "trainyard.db").write_bytes(migrated_sqlite_file.read_bytes())
    settings = Settings(data_dir=folder, database_url=url, broker_url="redis://127.0.0.1:9/0", predict_seconds=0.05)
    database = Database(url)
    with TestClient(create_app(settings), base_url="http://localhost", raise_server_exceptions=False) as client:
        owner = TestClient(client.app, base_url="http://localhost", raise_server_exceptions=False)
        owner.portal = client.portal
        owner.headers["Authorization"] = f"Bearer {make_key(database, 'operator')}"
        yield World(client, database, made(owner, database, folder))
    database.close()


def made(owner: TestClient, database: Database, folder: Path) -> dict[str, str]:
    """One of everything."""
    job_id, lease = running(owner, database)
    write_points(database, lease, "train/loss", [1, 2], [2.0, 1.0])
    save_checkpoint(database, lease, folder / "artifacts")
    webhook_id = owner.post("/v1/webhooks", json=ENTRIES["create_webhook"].json).json()["id"]
    finish(database, lease)
    deliveries = owner.get(f"/v1/webhooks/{webhook_id}/deliveries").json()["data"]
    dataset_id = owner.post("/v1/datasets", json=ENTRIES["declare_dataset"].json).json()["id"]
    _register(database, "wrk_matrix")
    return {
        "job_id": job_id,
        "other_job_id": submit(owner)["id"],
        "waiting_job_id": submit(owner)["id"],
        "webhook_id": webhook_id,
        "event_id": deliveries[0]["id"],
        "dataset_id": dataset_id,
        "key_id": owner.post("/v1/keys", json=ENTRIES["create_key"].json).json()["id"],
        "project": "default",
        "worker_id": "wrk_matrix",
    }


def test_every_route_has_an_entry_and_every_entry_a_route():
    assert set(ENTRIES) == set(BY_NAME)


def _malformed(text: str) -> dict[str, str]:
    """Texts that differ from a good key in one way."""
    other = "a" if text[-8] != "a" else "b"
    _, public, secret = text.split("_")
    fresh = key_text.written(f"key_{public}", key_text.new_secret())
    return {
        "a wrong checksum": text[:-1] + ("0" if text[-1] != "0" else "1"),
        "a changed secret": text[:-8] + other + text[-7:],
        "another secret with its checksum": fresh,
        "the key of nobody": f"ty_{'0' * 32}_{secret}",
        "no secret": f"ty_{public}_",
        "spaces around the secret": f"ty_{public}_ {secret}",
        "a signed token of somebody": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
    }


def _worthless(database: Database) -> dict[str, str]:
    """Keys that were good once."""
    texts = {word: make_key(database, "admin", project=word) for word in ("revoked", "expired", "closed", "rotated")}
    with database.unit_of_work() as connection:
        connection.execute(update(api_keys).where(api_keys.c.project == "revoked").values(revoked_at=now()))
        connection.execute(update(api_keys).where(api_keys.c.project == "expired").values(expires_at=time.time() - 1))
        projects.close(connection, name="closed")
        rotated = keys.listing(connection, project="rotated", page=PageRequest())[0]
        keys.rotate(connection, key_id=rotated.id, grace_seconds=0)
    return texts


def test_nobody_passes_without_a_good_key(world: World):
    headers = {
        "no header": None,
        "no scheme": "ty_no_no",
        "an empty key": "Bearer ",
        "another scheme": "Basic dHk6dHk=",
    }
    good = make_key(world.database, "operator")
    bad = _malformed(good) | _worthless(world.database)
    for name in ENTRIES:
        for word, header in {**headers, **{word: f"Bearer {text}" for word, text in bad.items()}}.items():
            answer = world.call(name, header)
            assert answer.status_code == 401, (name, word, answer.text)
            problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"].startswith("Bearer"), (name, word)


def test_to_ask_for_the_head_alone_takes_the_same_key(world: World):
    foreign = world.key("admin", project="foreign")
    for name, route in BY_NAME.items():
        if "GET" not in (route.methods or ()):
            continue
        answer = world.call(name, None, "HEAD")
        assert (answer.status_code, answer.content) == (401, b""), name
        if ENTRIES[name].foreign != NOTHING:
            assert world.call(name, foreign, "HEAD").status_code == ENTRIES[name].foreign, name


def test_no_scope_opens_what_another_one_does(world: World):
    for name, route in BY_NAME.items():
        (wanted,) = declared_scopes(route.dependant)
        if wanted == ANY:
            continue
        holders = {"operator"} if wanted == "operator" else {wanted, "admin", "operator"}
        body = problem(world.call(name, world.key(*(set(SCOPES) - holders))), 403, "forbidden")
        assert body["scope"] == wanted, name


def test_the_things_of_a_project_are_not_there_for_another(world: World):
    foreign = world.key("admin", project="foreign")
    identifiers = {value for name, value in world.has.items() if name.endswith("_id") and name != "worker_id"}
    for name, entry in ENTRIES.items():
        answer = world.call(name, foreign)
        if entry.foreign != NOTHING:
            assert answer.status_code == entry.foreign, (name, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        else:
            assert answer.status_code in entry.own, (name, answer.text)
            assert not [identifier for identifier in identifiers if identifier in answer.text], name


def test_the_project_itself_gets_through_with_the_scope_and_each_change_leaves_one_line(world: World):
    for name, entry in ENTRIES.items():
        route = BY_NAME[name]
        scopes = declared_scopes(route.dependant) - {ANY}
        before = set(_lines(world, name))
        answer = world.call(name, world.key(*scopes))
        assert answer.status_code in entry.own, (name, answer.text)
        new = [line for line in _lines(world, name) if line not in before]
        if answer.status_code >= 400:
            continue  # refusals are written only so many a minute
        changes = bool(set(route.methods or ()) & CHANGING) and name not in READING
        told = [(line.entry.outcome, line.entry.request_id) for line in new]
        assert told == [("done", answer.headers["x-request-id"])] * changes, name


def _lines(world: World, operation: str) -> list[audit.Line]:
    where = audit.AuditFilter(operation=operation, project="default")
    with world.database.reading() as connection:
        return audit.listing(connection, where=where, page=PageRequest(limit=200))
