"""Examples of the interface's description: what a running service has answered, written down by `tests/recording`.

`examples.json` is read only where the description is made. It has the answers of each operation by status, media type
and name, and the problems that any operation may answer with, which are told once and referred to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

#: The written answers; `python -m tests.recording` makes them anew.
RECORDED: Final = Path(__file__).with_name("examples.json")

_PROBLEM: Final = "application/problem+json"


def add(described: dict[str, Any]) -> None:
    """Put examples beside every schema of an answer, and of what webhooks are sent, in an OpenAPI document."""
    recorded = orjson.loads(RECORDED.read_bytes())
    anywhere: dict[str, dict[str, Any]] = recorded["anywhere"]
    described["components"]["examples"] = {
        name: {"value": value} for _, problems in sorted(anywhere.items()) for name, value in problems.items()
    }
    shared = {
        status: {name: {"$ref": f"#/components/examples/{name}"} for name in problems}
        for status, problems in anywhere.items()
    }
    for methods in described["paths"].values():
        for operation in methods.values():
            _illustrate(operation, recorded["operations"].get(operation["operationId"], {}), shared)
    for event in described["webhooks"].values():
        operation = event["post"]
        sent = recorded["operations"].get(operation["operationId"], {})
        _put(operation["requestBody"]["content"], sent.get("request", {}))


def _illustrate(operation: dict[str, Any], own: dict[str, Any], shared: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        _put(content, own.get(status, {}))
        if _PROBLEM in content and "examples" not in content[_PROBLEM] and status in shared:
            content[_PROBLEM]["examples"] = shared[status]


def _put(content: dict[str, Any], recorded: dict[str, dict[str, Any]]) -> None:
    for media_type, examples in recorded.items():
        if media_type in content:
            content[media_type]["examples"] = {name: {"value": value} for name, value in examples.items()}
