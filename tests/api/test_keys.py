"""Keys that rotate, end and make other keys: never more than who makes them, and each secret shown to one caller."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.testclient import TestClient

from models.clock import now
from models.database import Database
from models.tables import api_keys, audit_log, idempotency
from tests.api.conftest import Connect, make_key
from tests.api.steps import problem

WANTED = {"name": "ci", "scopes": ["jobs:read"]}
ONCE = {"Idempotency-Key": '"once"'}


def works(connect: Connect, text: str) -> bool:
    return connect(key=text).get("/v1/catalogue").status_code == 200


def test_a_replay_shows_the_secret_again_to_the_key_that_asked(client: TestClient, connect: Connect):
    first = client.post("/v1/keys", json=WANTED, headers=ONCE)
    again = client.post("/v1/keys", json=WANTED, headers=ONCE)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"] == f"/v1/keys/{first.json()['id']}"
    assert {answer.headers["cache-control"] for answer in (first, again)} == {"no-store"}
    assert not [name for name in again.headers if "sealed" in name]
    assert works(connect, again.json()["key"])
    assert len(client.get("/v1/keys").json()["data"]) == 2


def test_a_replay_shows_the_secret_to_nobody_else(client: TestClient, connect: Connect):
    made = client.post("/v1/keys", json=WANTED, headers=ONCE).json()
    answer = connect("operator").post("/v1/keys", json=WANTED, headers=ONCE)
    body = problem(answer, 409, "secret_not_replayable")
    assert body["resource"] == made["id"]
    assert made["key"] not in answer.text
    problem(client.post("/v1/keys", json={**WANTED, "name": "x"}, headers=ONCE), 422, "idempotency_key_reused")


def test_the_database_holds_no_key_that_works(client: TestClient, database: Database):
    made = client.post("/v1/keys", json=WANTED, headers=ONCE).json()["key"]
    rotated = client.post(f"/v1/keys/{_id(client)}/rotate", headers={"Idempotency-Key": "turn"}).json()["key"]
    with database.reading() as connection:
        stored = [str(connection.execute(select(table)).all()) for table in (api_keys, idempotency, audit_log)]
    assert [
        text for text in (made, rotated) for rows in stored if text in rows or text.split("_")[2][:20] in rows
    ] == []


def _id(client: TestClient) -> str:
    return str(client.get("/v1/keys").json()["data"][0]["id"])


def test_a_rotated_key_has_two_secrets_for_a_while(
    client: TestClient, connect: Connect, database: Database, app: FastAPI
):
    made = client.post("/v1/keys", json=WANTED).json()
    answer = client.post(f"/v1/keys/{made['id']}/rotate", json={"grace_seconds": 3600})
    rotated = answer.json()
    assert (answer.status_code, rotated["id"], rotated["scopes"]) == (200, made["id"], made["scopes"])
    until = datetime.fromisoformat(rotated["previous_until"]) - datetime.fromisoformat(rotated["rotated_at"])
    assert abs(until.total_seconds() - 3600) < 60
    assert rotated["key"] != made["key"]
    assert works(connect, made["key"])
    assert works(connect, rotated["key"])
    with database.unit_of_work() as connection:
        connection.execute(update(api_keys).where(api_keys.c.id == made["id"]).values(previous_until=now()))
    app.state.service.key_cache.clear()
    assert not works(connect, made["key"])
    assert works(connect, rotated["key"])


def test_a_second_rotation_ends_the_secret_before_the_last(client: TestClient, connect: Connect):
    first = client.post("/v1/keys", json=WANTED).json()
    second, third = (client.post(f"/v1/keys/{first['id']}/rotate").json() for _ in range(2))
    assert [works(connect, key["key"]) for key in (first, second, third)] == [False, True, True]
    client.delete(f"/v1/keys/{first['id']}")
    assert [works(connect, key["key"]) for key in (first, second, third)] == [False, False, False]
    problem(client.post(f"/v1/keys/{first['id']}/rotate"), 409, "key_not_alive")


def test_a_grace_of_nothing_ends_the_old_secret_now(client: TestClient, connect: Connect):
    made = client.post("/v1/keys", json=WANTED).json()
    rotated = client.post(f"/v1/keys/{made['id']}/rotate", json={"grace_seconds": 0}).json()
    assert (works(connect, made["key"]), works(connect, rotated["key"])) == (False, True)


def test_a_replayed_rotation_rotates_once(client: TestClient, connect: Connect):
    made = client.post("/v1/keys", json=WANTED).json()
    answers = [client.post(f"/v1/keys/{made['id']}/rotate", json={}, headers=ONCE).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert works(connect, made["key"])


def test_what_ends_a_key_holds_for_the_very_next_request(client: TestClient, connect: Connect):
    made = client.post("/v1/keys", json={**WANTED, "scopes": ["admin"], "project": "other"}).json()
    holder = connect(key=made["key"])
    for end, status in (
        (lambda: client.post("/v1/projects/other/close"), 401),
        (lambda: client.post("/v1/projects/other/open"), 200),
        (lambda: client.post(f"/v1/keys/{made['id']}/rotate", json={"grace_seconds": 0}), 401),
    ):
        holder.get("/v1/jobs")
        assert end().status_code == 200
        assert holder.get("/v1/jobs").status_code == status


@pytest.mark.parametrize("grace", [-1, 30 * 86400 + 1, "a day", 1.5])
def test_a_grace_out_of_bounds_is_pointed_at(client: TestClient, grace: object):
    answer = client.post(f"/v1/keys/{_id(client)}/rotate", json={"grace_seconds": grace})
    assert problem(answer, 422, "invalid_body")["errors"][0]["pointer"] == "#/grace_seconds"


def test_nobody_makes_a_key_that_is_more_than_their_own(connect: Connect):
    admin = connect("admin")
    for change in ({"scopes": ["operator"]}, {"project": "other"}, {"scopes": ["jobs:read", "operator"]}):
        assert problem(admin.post("/v1/keys", json={**WANTED, **change}), 403, "forbidden")["scope"] == "operator"
    assert admin.post("/v1/keys", json={**WANTED, "scopes": ["admin"]}).status_code == 201
    assert admin.post("/v1/keys", json={**WANTED, "project": "default"}).status_code == 201
    problem(admin.get("/v1/keys?project=other"), 403, "forbidden")


def test_a_key_that_expires_makes_none_that_outlives_it(client: TestClient, connect: Connect):
    soon, later = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (1, 2))
    admin = {"name": "a day", "scopes": ["admin"], "expires_at": soon}
    passing = connect(key=client.post("/v1/keys", json=admin).json()["key"])
    problem(passing.post("/v1/keys", json=WANTED), 403, "forbidden")
    problem(passing.post("/v1/keys", json={**WANTED, "expires_at": later}), 403, "forbidden")
    assert passing.post("/v1/keys", json={**WANTED, "expires_at": soon}).status_code == 201


def test_an_admin_does_not_touch_the_keys_of_those_who_run_the_service(client: TestClient, connect: Connect):
    mine = _id(client)
    for answer in (connect("admin").post(f"/v1/keys/{mine}/rotate"), connect("admin").delete(f"/v1/keys/{mine}")):
        problem(answer, 403, "forbidden")
    assert client.get("/v1/keys").status_code == 200


def test_who_runs_the_service_reaches_the_keys_of_every_project(client: TestClient, connect: Connect):
    made = client.post("/v1/keys", json={**WANTED, "project": "other"}).json()
    assert [key["id"] for key in client.get("/v1/keys?project=other").json()["data"]] == [made["id"]]
    assert client.delete(f"/v1/keys/{made['id']}").json()["revoked_at"] is not None
    assert not works(connect, made["key"])


@pytest.mark.parametrize(
    ("scope", "opens", "shuts"),
    [
        ("jobs:*", "/v1/jobs", "/v1/datasets"),
        ("datasets:*", "/v1/datasets", "/v1/jobs"),
        ("webhooks:*", "/v1/webhooks", "/v1/keys"),
    ],
)
def test_a_scope_with_a_star_holds_all_that_begin_so(client: TestClient, connect: Connect, scope, opens, shuts):
    made = client.post("/v1/keys", json={**WANTED, "scopes": [scope]}).json()
    assert made["scopes"] == [scope]
    holder = connect(key=made["key"])
    assert holder.get(opens).status_code == 200
    problem(holder.get(shuts), 403, "forbidden")
    assert holder.post(opens, json={}).status_code == 422


def test_a_key_made_in_the_database_is_listed_with_its_last_use(connect: Connect, database: Database, app):
    text = make_key(database, "admin")
    reader = connect(key=text)
    assert reader.get("/v1/keys").json()["data"][0]["last_used_at"] is None
    app.state.service.key_usage.write()
    assert reader.get("/v1/keys").json()["data"][0]["last_used_at"] is not None
