"""The index of routes and the plans of their calls: as FastAPI would have it, only sooner."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Header, Path, Query, Request, Security
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.security import SecurityScopes
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from api import errors
from api.dispatch import Dispatch
from api.main import create_app
from models.errors import Unauthorized
from models.settings import Settings


def test_every_route_of_the_service_has_a_plan_and_is_found_by_its_path():
    app = create_app(Settings())
    dispatch = Dispatch(app, routes=app.routes)
    contexts = [context for context in iter_route_contexts(app.routes) if isinstance(context.original_route, APIRoute)]
    assert {plan.call for plan in dispatch.plans()} == {context.endpoint for context in contexts}


def _app() -> FastAPI:
    app = FastAPI(dependencies=[Depends(_guard)])
    errors.register(app)

    async def counted(request: Request) -> int:
        request.state.calls = getattr(request.state, "calls", 0) + 1
        return int(request.state.calls)

    async def scoped(scopes: SecurityScopes, count: Annotated[int, Depends(counted)]) -> str:
        return f"{','.join(scopes.scopes)} {count}"

    @app.get("/v1/things/fixed")
    async def fixed() -> Response:
        return JSONResponse("fixed")

    @app.get("/v1/things/{name}")
    def thing(
        name: str,
        count: Annotated[int, Depends(counted)],
        scope: Annotated[str, Security(scoped, scopes=["a", "b"])],
        limit: Annotated[int, Query(ge=1)] = 5,
        prefer: Annotated[str | None, Header()] = None,
    ) -> Response:
        return JSONResponse([name, count, scope, limit, prefer])

    @app.get("/v1/things/{name}/files/{path:path}")
    async def file(name: str, path: Annotated[str, Path(max_length=8)]) -> Response:
        return JSONResponse([name, path])

    @app.post("/v1/things")
    async def with_body(body: dict[str, Any]) -> Response:
        return JSONResponse(body)

    app.add_middleware(_Noting)
    app.add_middleware(Dispatch, routes=app.routes)
    app.add_middleware(_Naming)
    return app


async def _guard(request: Request) -> None:
    if "x-stranger" in request.headers:
        raise Unauthorized


class _Naming:
    """Stands in for the edge."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["request_id"] = "1"
        await self._app(scope, receive, send)


class _Noting(_Naming):
    """Counts what goes on to FastAPI."""

    passed = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        type(self).passed += scope["type"] == "http"
        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def client():
    with TestClient(_app(), base_url="http://localhost") as running:
        yield running


def test_arguments_come_from_path_query_headers_and_dependencies(client: TestClient):
    answer = client.get("/v1/things/one?limit=7", headers={"Prefer": "wait=1"})
    assert answer.json() == ["one", 1, "a,b 1", 7, "wait=1"]
    assert client.get("/v1/things/one").json() == ["one", 1, "a,b 1", 5, None]


def test_the_route_that_was_declared_first_wins(client: TestClient):
    assert client.get("/v1/things/fixed").json() == "fixed"


def test_an_open_end_takes_any_number_of_segments(client: TestClient):
    assert client.get("/v1/things/a/files/b/c/d").json() == ["a", "b/c/d"]


def test_every_wrong_parameter_is_told_at_once(client: TestClient):
    body = client.get("/v1/things/one?limit=0").json()
    assert [error["pointer"] for error in body["errors"]] == ["?limit"]
    assert client.get("/v1/things/a/files/123456789").status_code == 422


def test_a_stranger_hears_of_nothing_else(client: TestClient):
    assert client.get("/v1/things/one?limit=0", headers={"X-Stranger": "1"}).status_code == 401


def test_what_has_no_plan_goes_on_to_fastapi(client: TestClient):
    before = _Noting.passed
    client.get("/v1/things/one")
    assert _Noting.passed == before
    assert client.post("/v1/things", json={"a": 1}).json() == {"a": 1}
    assert client.get("/v1/nothing").status_code == 404
    assert client.delete("/v1/things/one").status_code == 405
    assert _Noting.passed == before + 3
