"""No anonymous access: the whole route table is walked, so a route that somebody adds tomorrow is covered today."""

import re

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from api import authentication, main
from api.authentication import PUBLIC_PATHS, JobsWrite
from api.main import create_app
from models.database import Database
from models.settings import Settings
from tests.api.conftest import Connect, make_key
from tests.api.steps import SPEC, problem

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _routes(app: FastAPI) -> list[RouteContext]:
    return [route for route in iter_route_contexts(app.routes) if isinstance(route.original_route, APIRoute)]


def _calls(app: FastAPI) -> list[tuple[str, str, RouteContext]]:
    """(method, a path that matches, route) of every route and method that wants a key."""
    return [
        (method, re.sub(r"\{[^}]+\}", "x", str(route.path)), route)
        for route in _routes(app)
        for method in sorted(route.methods or ())
        if route.path not in PUBLIC_PATHS
    ]


def test_every_route_without_a_guard_is_a_public_one(app: FastAPI):
    others = [route for route in iter_route_contexts(app.routes) if not isinstance(route.original_route, APIRoute)]
    found = {(type(route.original_route), route.path) for route in others}
    assert found == {(Mount, "/assets"), (Route, "/")}


def test_the_public_paths_are_health_readiness_and_version_alone():
    assert {"/healthz", "/readyz", "/version"} == PUBLIC_PATHS


@pytest.mark.parametrize("path", [*sorted(PUBLIC_PATHS), "/"])
def test_public_paths_answer_without_a_key(connect: Connect, path: str):
    client = connect(key="")
    del client.headers["Authorization"]
    assert client.get(path).status_code in {200, 503}


def test_methods_that_a_path_does_not_take_are_refused_before_anything_else(connect: Connect, app: FastAPI):
    client = connect("admin")
    taken: dict[str, set[str]] = {}
    for method, path, _ in _calls(app):
        taken.setdefault(path, set()).add(method)
    for path, methods in taken.items():
        # A path of words may also be read as another route's identifier: /v1/jobs/compare as /v1/jobs/{job_id}.
        others = [taken[other] for other in taken if re.fullmatch(re.sub(r"\bx\b", "[^/]+", other), path)]
        for method in set(METHODS) - methods.union(*others):
            problem(client.request(method, path), 405, "method_not_allowed")


def _endpoint() -> None:
    """What somebody adds without a thought of who may call it."""


def test_an_application_with_a_route_that_declares_no_scope_does_not_start(monkeypatch: pytest.MonkeyPatch):
    careless = APIRouter()
    careless.add_api_route("/v1/secrets", _endpoint, methods=["GET"])
    monkeypatch.setattr(main, "_ROUTERS", (*main._ROUTERS, type("module", (), {"router": careless})))
    with pytest.raises(RuntimeError, match="/v1/secrets"):
        create_app(Settings())


def _change(_: JobsWrite) -> None:
    """What somebody adds without a thought of the audit log."""


def test_an_application_with_a_change_that_leaves_no_line_does_not_start(monkeypatch: pytest.MonkeyPatch):
    careless = APIRouter()
    careless.add_api_route("/v1/secrets", _change, methods=["DELETE", "GET"])
    monkeypatch.setattr(main, "_ROUTERS", (*main._ROUTERS, type("module", (), {"router": careless})))
    with pytest.raises(RuntimeError, match=r"audit log: DELETE /v1/secrets$"):
        create_app(Settings())


def test_a_route_that_declares_nothing_is_found_wherever_it_stands(app: FastAPI):
    app.add_api_route("/v1/late", _endpoint, methods=["POST"])
    assert authentication.undeclared(app.routes) == ["/v1/late"]


def test_a_revoked_key_is_worthless_at_once(connect: Connect, database: Database):
    text = make_key(database, "jobs:read")
    client = connect(key=text)
    assert client.get("/v1/jobs").status_code == 200
    key_id = connect("admin").get("/v1/keys").json()["data"][1]["id"]
    assert connect("admin").delete(f"/v1/keys/{key_id}").json()["revoked_at"] is not None
    problem(client.get("/v1/jobs"), 401, "unauthorized")


def test_a_job_cannot_train_on_another_projects_dataset(connect: Connect, client: TestClient):
    declared = client.post("/v1/datasets", json={"name": "x", "format": "csv", "bytes": 3}).json()["id"]
    answer = connect("admin", project="other").post("/v1/jobs", json={**SPEC, "data": {"dataset": declared}})
    assert "there is no dataset" in problem(answer, 422, "invalid_spec")["detail"]


def test_using_a_key_is_noted_without_a_write_in_the_request(connect: Connect, app: FastAPI):
    client = connect("admin")
    client.get("/v1/jobs")
    app.state.service.key_usage.write()
    assert client.get("/v1/keys").json()["data"][0]["last_used_at"] is not None
