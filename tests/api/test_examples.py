"""The examples of the interface's description: complete, true to their schemas, and without a secret or a machine."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from api.examples import RECORDED
from models import key_text

COPY = Path(__file__).parents[2] / "docs" / "openapi.json"
#: What an example would be too long for.
BINARY = {"application/octet-stream", "text/html"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(orjson.loads(COPY.read_bytes()))


def _contents(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every documented content: where it stands, its media type, and what is said of it."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                for media_type, content in answer.get("content", {}).items():
                    yield f"{operation['operationId']} {status}", media_type, content
    body = document["webhooks"]["jobEvent"]["post"]["requestBody"]
    yield "job_event", "application/json", body["content"]["application/json"]


def _values(document: dict[str, Any], content: dict[str, Any]) -> Iterator[Any]:
    for example in content["examples"].values():
        if "$ref" in example:
            example = document["components"]["examples"][example["$ref"].rpartition("/")[2]]
        yield example["value"]


def test_every_answer_is_shown_as_it_comes(document: dict[str, Any]):
    without = [f"{place} {kind}" for place, kind, content in _contents(document) if not content.get("examples")]
    missing = [place for place in without if place.split()[-1] not in BINARY]
    assert missing == [], "have tests/recording ask for it, and run: python -m tests.recording"


def test_every_content_says_of_which_shape_it_is(document: dict[str, Any]):
    assert [f"{place} {kind}" for place, kind, content in _contents(document) if not content.get("schema")] == []


def test_every_example_fits_its_schema(document: dict[str, Any]):
    validators: dict[str, Draft202012Validator] = {}
    checked = 0
    for place, _, content in _contents(document):
        key = repr(content["schema"])
        if key not in validators:
            whole = {**content["schema"], "components": document["components"]}
            validators[key] = Draft202012Validator(whole, format_checker=FormatChecker())
        for value in _values(document, content) if "examples" in content else ():
            assert [error.message[:200] for error in validators[key].iter_errors(value)] == [], place
            checked += 1
    assert checked > 300


def test_every_problem_has_the_status_that_it_is_an_example_of(document: dict[str, Any]):
    for place, kind, content in _contents(document):
        if kind == "application/problem+json":
            assert {str(value["status"]) for value in _values(document, content)} == {place.split()[1]}, place


def test_what_refuses_most_often_is_shown_by_its_own_words(document: dict[str, Any]):
    shown = {place: set(content["examples"]) for place, kind, content in _contents(document) if "problem" in kind}
    assert shown["create_job 422"] == {"invalid_spec", "idempotency_key_reused"}
    assert shown["create_job 429"] == {"quota_exceeded"}
    assert shown["pause_job 409"] == {"job_status_conflict"}
    assert shown["upload_content 409"] == {"upload_offset_mismatch"}
    mistakes = next(content for place, _, content in _contents(document) if place == "create_job 422")
    value = mistakes["examples"]["invalid_spec"]["value"]
    assert [mistake["pointer"] for mistake in value["errors"]] == ["#/optimizer/learning_rate", "#/epochs"]


def test_no_key_of_an_example_opens_anything():
    text = RECORDED.read_text()
    keys = re.findall(r"ty_[0-9a-f]{32}_\w+", text)
    assert len(keys) >= 2
    assert [key for key in keys if key_text.read(key) is not None] == []
    assert len(set(re.findall(r"whsec_[\w+/=]+", text))) == 1


def test_no_example_names_the_machine_that_it_was_made_on():
    text = RECORDED.read_text()
    assert re.findall(r'(?<![\w.:/])/(?:tmp|home|root|var|work|Users)/[^"]*', text) == []
    assert re.findall(r"127\.0\.0\.1:\d+|localhost:\d+", text) == []
    assert {name.partition("-0")[0] for name in re.findall(r'"worker": "([^"]+)"', text)} <= {"trainer-1", "worker-1"}
