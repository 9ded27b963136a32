"""`--set optimizer.learning_rate=0.01`: changes to a job spec from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from trainyard import ConfigurationError


def apply(spec: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """The spec with every `path=value` applied, in order. The spec given stays as it is.

    A path is names joined by dots, with numbers for places in a list; a value is JSON, or else taken as text. What a
    path goes through is made when it is missing, and a bare word such as `"mlp"` becomes `{"type": "mlp"}`.
    Raises ConfigurationError for a setting without `=`, and for a path that a list or a number stands in the way of.
    """
    changed: dict[str, Any] = json.loads(json.dumps(spec))
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise ConfigurationError(f"--set {setting}: write it as path=value, such as optimizer.learning_rate=0.01")
        _assign(changed, path.split("."), _value(text), setting)
    return changed


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _assign(spec: dict[str, Any], path: list[str], value: Any, setting: str) -> None:
    node: Any = spec
    for name in path[:-1]:
        place = _place(node, name, setting)
        child = node.get(place) if isinstance(node, dict) else node[place]
        if child is None:
            child = node[place] = {}
        elif isinstance(child, str):
            child = node[place] = {"type": child}
        node = child
    node[_place(node, path[-1], setting)] = value


def _place(node: Any, name: str, setting: str) -> Any:
    if isinstance(node, dict):
        return name
    if isinstance(node, list) and name.isdigit() and int(name) < len(node):
        return int(name)
    what = f"a list of {len(node)}" if isinstance(node, list) else "a plain value"
    raise ConfigurationError(f"--set {setting}: {name!r} cannot be set in {what}")
