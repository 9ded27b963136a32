"""The interface's description: valid, complete, stable, and the same as the committed copy."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from api.authentication import PUBLIC_PATHS
from api.main import create_app
from models.settings import Settings

COPY = Path(__file__).parents[2] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    described = create_app(Settings()).openapi()
    return dict(orjson.loads(orjson.dumps(described)))


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_committed_copy_is_current(document: dict[str, Any]):
    assert orjson.loads(COPY.read_bytes()) == document, "run: python -m api.openapi > docs/openapi.json"


def test_it_is_valid_openapi_3_1(document: dict[str, Any]):
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_operation_ids_are_unique_words(document: dict[str, Any]):
    identifiers = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(identifiers) == len(set(identifiers)) >= 25
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", identifier) for identifier in identifiers)


def test_every_operation_says_what_it_does_and_who_may_call_it(document: dict[str, Any]):
    for path, method, operation in _operations(document):
        place = f"{method} {path}"
        assert operation["description"], place
        if path in PUBLIC_PATHS:
            assert operation["security"] == [], place
        else:
            assert [list(scheme) for scheme in operation["security"]] == [["key"]], place
            assert operation["security"][0]["key"], place


def test_every_closed_operation_documents_its_problems(document: dict[str, Any]):
    for path, method, operation in _operations(document):
        if path in PUBLIC_PATHS:
            continue
        for status in ("400", "401", "403", "422", "503"):
            schema = operation["responses"][status]["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, f"{method} {path} {status}"


def test_every_body_has_a_schema_and_an_example_that_fits_it(document: dict[str, Any]):
    from jsonschema import Draft202012Validator

    checked = 0
    for path, method, operation in _operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        whole = {**content["schema"], "components": document["components"]}
        assert list(Draft202012Validator(whole).iter_errors(content["example"])) == [], f"{method} {path}"
        checked += 1
    assert checked == 12


def test_every_parameter_and_every_field_of_a_body_says_what_it_is(document: dict[str, Any]):
    silent = []
    for path, method, operation in _operations(document):
        named = {parameter["name"]: parameter for parameter in operation.get("parameters", ())}
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            shape = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
            named |= shape["properties"]
        for name, told in named.items():
            said = [one.get("description", one.get("$ref")) for one in (told, *told.get("anyOf", ()))]
            if not any(said):
                silent.append(f"{method} {path} {name}")
    assert silent == []


def test_the_key_is_the_only_way_in(document: dict[str, Any]):
    assert list(document["components"]["securitySchemes"]) == ["key"]
    scheme = document["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_nothing_of_the_framework_shows_through(document: dict[str, Any]):
    assert "HTTPValidationError" not in orjson.dumps(document).decode()


def test_the_service_serves_what_is_committed(client: TestClient, document: dict[str, Any]):
    assert client.get("/openapi.json").json() == document


def test_the_page_names_every_route_and_runs_no_script(client: TestClient, document: dict[str, Any]):
    answer = client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    for path, method, _ in _operations(document):
        assert f"<code>{method.upper()} {path}</code>" in answer.text
    assert "<summary>201 queued</summary><pre>{\n  &quot;id&quot;: &quot;job_" in answer.text
    assert answer.text.count("<summary>body</summary>") == 12
