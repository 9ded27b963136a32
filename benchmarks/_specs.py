"""The job that is submitted where only storing and reading is measured."""

from __future__ import annotations

from typing import Any

SPEC: dict[str, Any] = {
    "name": "digits",
    "labels": {"team": "risk"},
    "data": {"dataset": "digits"},
    "network": {"type": "mlp", "hidden": [64, 32]},
    "training": {"epochs": 6},
}
