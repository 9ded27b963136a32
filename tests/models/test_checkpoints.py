"""Checkpoint rows: kinds, references, and what is kept."""

import pytest

from models import checkpoints, controls
from models.checkpoints import Saved
from models.database import Database
from models.errors import NotFound
from models.status import Outcome
from tests.models.steps import USER_FAULT, claim, end, held, running


def _saved(step: int, *, best: bool = False, final: bool = False, attempt: int = 1) -> Saved:
    return Saved(
        step=step,
        epoch=step // 10,
        is_best=best,
        is_final=final,
        metrics={"validation/loss": 1.0 / step},
        files=[{"name": "weights.safetensors", "bytes": 8, "sha256": "0" * 64}],
        location=f"jobs/x/{attempt}/{step}",
        manifest_sha256="0" * 64,
    )


def _record(database: Database, *steps: Saved, keep_last: int = 2) -> tuple[str, list[str]]:
    lease = running(database)
    gone: list[str] = []
    for saved in steps:
        with held(database, lease) as connection:
            gone += checkpoints.record(connection, job_id=lease.job_id, attempt=1, saved=saved, keep_last=keep_last)[1]
    return lease.job_id, gone


def _listed(database: Database, job_id: str) -> dict[int, list[str]]:
    with database.reading() as connection:
        return {entry.step: entry.kinds for entry in checkpoints.listing(connection, job_id=job_id)}


def test_the_last_two_the_best_and_the_final_are_kept(database: Database) -> None:
    job_id, gone = _record(database, _saved(10, best=True), _saved(20), _saved(30), _saved(40), _saved(50, final=True))
    assert _listed(database, job_id) == {50: ["latest", "final"], 40: [], 10: ["best"]}
    assert gone == ["jobs/x/1/20", "jobs/x/1/30"]


def test_there_is_one_best(database: Database) -> None:
    job_id, _ = _record(database, _saved(10, best=True), _saved(20, best=True), keep_last=5)
    assert _listed(database, job_id) == {20: ["best", "latest"], 10: []}


def test_a_step_saved_again_replaces_its_row(database: Database) -> None:
    job_id, gone = _record(database, _saved(10), _saved(10, best=True))
    assert _listed(database, job_id) == {10: ["best", "latest"]}
    assert gone == []


def test_a_checkpoint_is_found_by_kind_step_and_id(database: Database) -> None:
    job_id, _ = _record(database, _saved(10, best=True), _saved(20))
    with database.reading() as connection:
        by_kind = checkpoints.find(connection, job_id=job_id, ref="best")
        assert checkpoints.find(connection, job_id=job_id, ref="10") == by_kind
        assert checkpoints.find(connection, job_id=job_id, ref=by_kind.id) == by_kind
        assert checkpoints.find(connection, job_id=job_id, ref="latest").step == 20
        with pytest.raises(NotFound, match="steps: 20, 10"):
            checkpoints.find(connection, job_id=job_id, ref="30")
        with pytest.raises(NotFound, match=r"it has weights\.safetensors"):
            by_kind.file("optimizer.safetensors")


def test_a_corrupt_checkpoint_is_neither_shown_nor_resumed_from(database: Database) -> None:
    job_id, _ = _record(database, _saved(10), _saved(20))
    with database.unit_of_work() as connection:
        checkpoints.mark_corrupt(connection, job_id=job_id, attempt=1, step=20)
        assert [entry.step for entry in checkpoints.resumable(connection, job_id=job_id, after_attempt=0)] == [10]
    assert _listed(database, job_id) == {10: ["latest"]}


def test_a_retry_from_scratch_does_not_see_older_attempts(database: Database) -> None:
    job_id, _ = _record(database, _saved(10))
    with database.reading() as connection:
        assert checkpoints.resumable(connection, job_id=job_id, after_attempt=1) == []


def test_a_damaged_checkpoint_condemns_no_other_of_the_same_step(database: Database) -> None:
    lease = running(database)
    for attempt in (1, 2):
        with held(database, lease) as connection:
            saved = _saved(10, attempt=attempt)
            checkpoints.record(connection, job_id=lease.job_id, attempt=attempt, saved=saved)
    with database.unit_of_work() as connection:
        checkpoints.mark_corrupt(connection, job_id=lease.job_id, attempt=2, step=10)
        assert [entry.attempt for entry in checkpoints.listing(connection, job_id=lease.job_id)] == [1]


def test_after_a_retry_from_scratch_the_new_run_is_the_latest(database: Database) -> None:
    lease = running(database)
    for step in (900, 1000):
        with held(database, lease) as connection:
            checkpoints.record(connection, job_id=lease.job_id, attempt=1, saved=_saved(step))
    end(database, lease, Outcome.FAILED, reason=USER_FAULT)
    with database.unit_of_work() as connection:
        controls.retry(connection, project="default", job_id=lease.job_id, from_scratch=True)
    again = claim(database)
    assert again is not None
    assert again.resume == []
    for step in (10, 20):
        with held(database, again.lease) as connection:
            checkpoints.record(connection, job_id=lease.job_id, attempt=2, saved=_saved(step, attempt=2))
    assert _listed(database, lease.job_id) == {20: ["latest"], 10: []}
