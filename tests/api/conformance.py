"""Holds every answer of a test against the OpenAPI document: path, status, media type and shape."""

import re
from typing import Any

import httpx2
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator


class Conformance:
    """Finds the operation that a request belongs to and checks what was answered."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = [(_pattern(path), methods) for path, methods in document["paths"].items()]
        self._validators: dict[str, Validator] = {}

    def check(self, response: httpx2.Response) -> None:
        """Fail the test that got this answer, if the document does not foresee it."""
        response.read()
        operation = self.operation(response.request.method, response.request.url.path)
        if operation is None:
            is_page = response.request.url.path == "/" or response.request.url.path.startswith("/assets/")
            assert is_page or response.status_code in {400, 404, 405}, response.request.url
            return
        place = f"{response.request.method} {response.request.url.path} -> {response.status_code}"
        answer = operation["responses"].get(str(response.status_code))
        assert answer is not None, f"{place} is not documented: {response.text[:300]}"
        if not response.content:
            return
        media_type = response.headers["content-type"].partition(";")[0]
        assert media_type in answer["content"], f"{place} is {media_type}; documented: {set(answer['content'])}"
        if media_type.endswith("json"):
            self._validate(place, answer["content"][media_type].get("schema", {}), response.json())

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """What the document says of such a request; None where it has nothing of the kind."""
        for pattern, methods in self._paths:
            if pattern.fullmatch(path):
                operation: dict[str, Any] | None = methods.get(method.lower())
                return operation
        return None

    def _validate(self, place: str, schema: dict[str, Any], value: Any) -> None:
        key = repr(schema)
        if key not in self._validators:
            whole = {**schema, "components": self._document["components"]}
            self._validators[key] = Draft202012Validator(whole, format_checker=FormatChecker())
        errors = [f"{error.json_path}: {error.message[:200]}" for error in self._validators[key].iter_errors(value)]
        assert errors == [], f"{place}: {errors}"


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]+\})", path)
    return re.compile("".join(_part(part, path) for part in parts))


def _part(part: str, path: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return ".+" if part == "{name}" and path.endswith("/metrics/{name}") else "[^/]+"
