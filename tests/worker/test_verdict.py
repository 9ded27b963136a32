"""What an attempt came to, for everything that can be seen of its end."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from models.status import Outcome
from worker.exits import Exit
from worker.messages import Frame
from worker.verdict import HUNG, TIMEOUT, Seen, verdict


def finished(outcome: str) -> Frame:
    return Frame("finished", {"outcome": outcome, "result": {"steps": 3}})


def final_checkpoint(folder: Path) -> Frame:
    files = []
    for name in ("weights.safetensors", "manifest.json"):
        content = name.encode() * 3
        (folder / name).write_bytes(content)
        files.append({"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    return Frame("checkpoint", {"path": str(folder), "files": files, "manifest_sha256": files[1]["sha256"]})


def test_a_success_is_one_only_with_its_model_on_disk(tmp_path):
    final = final_checkpoint(tmp_path)
    ending = verdict(Seen(last=finished("succeeded"), final=final))
    assert ending.outcome is Outcome.SUCCEEDED
    assert ending.result == {"steps": 3}
    assert ending.digest == final.fields["manifest_sha256"]


@pytest.mark.parametrize("name", ["weights.safetensors", "manifest.json"])
@pytest.mark.parametrize("content", [b"other", None])
def test_a_model_that_is_not_what_was_saved_is_no_success(tmp_path, name, content):
    final = final_checkpoint(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    ending = verdict(Seen(last=finished("succeeded"), final=final))
    assert ending.outcome is Outcome.FAILED
    assert ending.reason is not None
    assert (ending.reason["code"], ending.reason["fault"]) == ("storage_fault", "infrastructure")


def test_a_success_without_a_model_is_none():
    assert verdict(Seen(last=finished("succeeded"))).outcome is Outcome.FAILED


@pytest.mark.parametrize("outcome", ["cancelled", "paused", "drained"])
def test_other_outcomes_are_taken_at_their_word(outcome):
    assert verdict(Seen(last=finished(outcome))).outcome == outcome


@pytest.mark.parametrize(
    ("seen", "outcome", "code"),
    [
        (Seen(last=finished("drained"), cause=TIMEOUT, order="drain"), Outcome.FAILED, "timeout"),
        (Seen(cause=HUNG, status=-9, was_killed=True), Outcome.FAILED, "hung"),
        (Seen(order="cancel", status=-9, was_killed=True), Outcome.CANCELLED, None),
        (Seen(order="drain", status=-9, was_killed=True), Outcome.DRAINED, None),
        (Seen(order="drain", status=-11), Outcome.FAILED, "trainer_killed"),
        (Seen(status=Exit.DRAINED), Outcome.DRAINED, None),
        (Seen(status=-9, oom_kills=1), Outcome.FAILED, "host_oom"),
        (Seen(status=None), Outcome.FAILED, "worker_lost"),
        (Seen(last=Frame("failed", {"code": "diverged", "fault": "user"})), Outcome.FAILED, "diverged"),
    ],
)
def test_an_end_without_success_has_the_reason_that_was_seen(seen: Seen, outcome: Outcome, code: Any):
    ending = verdict(seen)
    assert ending.outcome is outcome
    assert (ending.reason or {}).get("code") == code
