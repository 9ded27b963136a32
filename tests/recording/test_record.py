"""What the recorder shortens, and in the long form that the committed examples are what it still records."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from api.examples import RECORDED
from tests.recording.record import record
from tests.recording.tape import shortened


def test_lists_are_cut_and_a_history_is_not():
    short = shortened({"data": list(range(9)), "history": list(range(9)), "fields": [1, 2]})
    assert short == {"data": [0, 1, 2, 3], "history": list(range(9)), "fields": [1]}


def test_a_resolved_spec_is_shown_as_far_as_it_was_sent():
    job = {"spec": {"seed": 1}, "resolved_spec": {"seed": 1, "training": {}}}
    assert shortened(job)["resolved_spec"] == {"seed": 1}
    assert shortened(job, is_whole=True) == job


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_the_committed_examples_are_what_the_service_still_answers(tmp_path: Path):
    assert _outline(orjson.loads(record(tmp_path))) == _outline(orjson.loads(RECORDED.read_bytes()))


def _outline(recorded: dict[str, Any]) -> dict[str, Any]:
    """Which examples there are, and the names of their members."""
    named = {
        f"{operation} {status} {kind} {name}": sorted(value) if isinstance(value, dict) else "text"
        for operation, statuses in recorded["operations"].items()
        for status, kinds in statuses.items()
        for kind, examples in kinds.items()
        for name, value in examples.items()
    }
    return named | {status: sorted(problems) for status, problems in recorded["anywhere"].items()}
