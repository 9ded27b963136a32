"""A change of the interface that would break a client is found and told; one that only adds is not."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from api import compatibility
from api.main import create_app
from models.settings import Settings

COPY = Path(__file__).parents[2] / "docs" / "openapi.json"
PATH = "/v1/things"


def _document() -> dict[str, Any]:
    thing = {
        "type": "object",
        "required": ["id", "size"],
        "properties": {
            "id": {"type": "string"},
            "size": {"type": "integer"},
            "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
        },
    }
    order = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "kind": {"enum": ["a", "b"]},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
    }
    create = {
        "operationId": "create_thing",
        "parameters": [{"in": "query", "name": "dry", "schema": {"type": "boolean"}}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
        "responses": {
            "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
            "422": {},
        },
    }
    return {"paths": {PATH: {"post": create}}, "components": {"schemas": {"Thing": thing, "Order": order}}}


def _post(document: dict[str, Any]) -> dict[str, Any]:
    return document["paths"][PATH]["post"]


def _schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    return document["components"]["schemas"][name]


Change = Callable[[dict[str, Any]], object]

BREAKING: list[tuple[Change, str]] = [
    (lambda d: d["paths"].pop(PATH), "POST /v1/things is gone"),
    (lambda d: d["paths"][PATH].update(put=d["paths"][PATH].pop("post")), "POST /v1/things is gone"),
    (lambda d: _post(d).update(operationId="make"), "is called make now"),
    (lambda d: _post(d)["responses"].pop("201"), "does not answer 201"),
    (lambda d: _post(d)["responses"]["201"].update(content={}), "application/json is gone"),
    (lambda d: _post(d)["parameters"].pop(), "parameter dry is gone"),
    (lambda d: _post(d)["parameters"][0].update(required=True), "parameter dry is required now"),
    (lambda d: _post(d)["parameters"][0].update(schema={"type": "string"}), "it is string and was boolean"),
    (lambda d: _post(d)["requestBody"].update(required=True), "a body is required now"),
    (lambda d: _schema(d, "Order")["required"].append("kind"), "the field kind is required now"),
    (lambda d: _schema(d, "Order")["properties"].pop("note"), "the field note is gone"),
    (lambda d: _schema(d, "Order")["properties"]["kind"]["enum"].remove("b"), "the value 'b' is gone"),
    (lambda d: _schema(d, "Order")["properties"].update(note={"type": "string"}), "it takes no null any more"),
    (lambda d: _schema(d, "Thing")["properties"].pop("size"), "the field size is gone"),
    (lambda d: _schema(d, "Thing")["required"].remove("size"), "the field size may be missing now"),
    (lambda d: _schema(d, "Thing")["properties"]["size"].update(type="string"), "it is string and was integer"),
    (
        lambda d: _schema(d, "Thing")["properties"].update(size={"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        "it may be null now",
    ),
]

ADDING: list[Change] = [
    lambda d: d["paths"].update({"/v1/more": {"get": {}}}),
    lambda d: d["paths"][PATH].update(get={"operationId": "list_things"}),
    lambda d: _post(d)["responses"].update({"200": {}}),
    lambda d: _post(d)["responses"].pop("422"),
    lambda d: _post(d)["parameters"].append({"in": "query", "name": "more", "schema": {}}),
    lambda d: _schema(d, "Order")["properties"].update(more={"type": "string"}),
    lambda d: _schema(d, "Order")["properties"]["kind"]["enum"].append("c"),
    lambda d: _schema(d, "Order")["required"].remove("name"),
    lambda d: _schema(d, "Thing")["properties"].update(more={"type": "string"}),
]


def test_a_kind_of_answer_that_was_never_described_may_go():
    before = _document()
    _post(before)["responses"]["201"]["content"]["text/plain"] = {"schema": {}}
    assert compatibility.breaks(before, _document()) == []
    _post(before)["responses"]["201"]["content"]["text/plain"] = {"schema": {"type": "string"}}
    assert "text/plain is gone" in compatibility.breaks(before, _document())[0]


@pytest.mark.parametrize(("change", "sentence"), BREAKING, ids=[sentence for _, sentence in BREAKING])
def test_what_breaks_a_client_is_told(change: Change, sentence: str):
    before, now = _document(), copy.deepcopy(_document())
    change(now)
    found = compatibility.breaks(before, now)
    assert any(sentence in one for one in found), found


@pytest.mark.parametrize("change", ADDING)
def test_what_is_only_added_breaks_nobody(change: Change):
    now = copy.deepcopy(_document())
    change(now)
    assert compatibility.breaks(_document(), now) == []


def test_the_command_tells_each_break_and_how_many_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    before = orjson.loads(COPY.read_bytes())
    assert compatibility.main([str(COPY)]) == 0
    before["paths"]["/v1/gone"] = before["paths"]["/v1/jobs"]
    (tmp_path / "before.json").write_bytes(orjson.dumps(before))
    assert compatibility.main([str(tmp_path / "before.json")]) == 1
    told = capsys.readouterr().out
    assert "GET /v1/gone is gone" in told
    assert "2 breaking changes" in told


def test_the_interface_keeps_what_its_committed_description_promises():
    current = orjson.loads(orjson.dumps(create_app(Settings()).openapi()))
    assert compatibility.breaks(orjson.loads(COPY.read_bytes()), current) == []
