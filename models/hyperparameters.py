"""What was chosen for a run, flat: `{"optimizer.learning_rate": 0.003, …}`, as trackers compare runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

#: Sections that say how a job is kept and shown, not how its network is trained.
_BOOKKEEPING: Final = frozenset({"name", "labels", "priority", "max_runtime", "retries", "checkpoints", "tracking"})
#: Tables with a row per column of the data would drown the rest.
_PER_COLUMN: Final = frozenset({"data.features", "data.ignore"})

Value = bool | int | float | str


def hyperparameters(resolved: Mapping[str, Any]) -> dict[str, Value]:
    """The choices in a resolved spec by their dotted place; lists as JSON text, `null` left out."""
    kept = {name: value for name, value in resolved.items() if name not in _BOOKKEEPING}
    return dict(_leaves(kept, prefix=""))


def _leaves(section: Mapping[str, Any], *, prefix: str) -> Iterator[tuple[str, Value]]:
    for name, value in section.items():
        place = f"{prefix}{name}"
        if value is None or place in _PER_COLUMN:
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, prefix=f"{place}.")
        else:
            yield place, value if isinstance(value, Value) else json.dumps(value)
