"""Dry runs as rows: who may take one, who answers, and that nothing stays."""

import pytest

from models import dry_runs, workers
from models.database import Database
from models.errors import NotFound, Unavailable


def register(database: Database, *, worker_id: str = "wrk_1", kind: str = "cpu", pool: str = "default") -> None:
    with database.unit_of_work() as connection:
        workers.register(
            connection,
            worker_id=worker_id,
            node=worker_id,
            name="w",
            pool=pool,
            slots=1,
            devices=[{"type": kind}],
            versions={},
        )


def ask(database: Database, *, device: str = "auto", pool: str = "default", seconds: float = 60.0) -> str:
    with database.unit_of_work() as connection:
        return dry_runs.ask(
            connection,
            project="default",
            sent={"resources": {"device": device}},
            resolved={"resources": {"pool": pool}},
            timeout_seconds=seconds,
        )


def claim(database: Database, *devices: str) -> dry_runs.DryRun | None:
    with database.unit_of_work() as connection:
        return dry_runs.claim(connection, pool="default", worker_id="wrk_1", devices=devices)


def test_one_worker_takes_it_and_its_answer_is_the_only_one(database: Database):
    register(database)
    first, second = ask(database), ask(database)
    taken = claim(database, "auto", "cpu")
    assert taken is not None
    assert (taken.id, taken.project, 0 < taken.seconds_left <= 60) == (first, "default", True)
    with database.unit_of_work() as connection:
        assert dry_runs.answer_to(connection, dry_run_id=first) is None
        dry_runs.answer(connection, dry_run_id=first, document={"steps": 1})
        dry_runs.answer(connection, dry_run_id=first, document={"steps": 2})
        assert dry_runs.answer_to(connection, dry_run_id=first) == {"steps": 1}
        assert dry_runs.versions(connection, [first, second]) == {first: (1, 0, 0), second: (0, 0, 0)}
        dry_runs.forget(connection, dry_run_id=first)
        with pytest.raises(NotFound):
            dry_runs.answer_to(connection, dry_run_id=first)
    again = claim(database, "auto", "cpu")
    assert again is not None
    assert again.id == second
    assert claim(database, "auto", "cpu") is None
    with database.unit_of_work() as connection:
        dry_runs.release(connection, dry_run_id=second)
        assert dry_runs.is_waiting(connection, pool="default")


def test_a_device_is_tried_on_only_where_it_is_and_while_it_is_free(database: Database):
    register(database, kind="cuda")
    ask(database, device="cuda")
    assert claim(database, *dry_runs.takes("cpu", is_free=True)) is None
    assert claim(database, *dry_runs.takes("cuda", is_free=False)) is None
    assert claim(database, *dry_runs.takes("cuda", is_free=True)) is not None


def test_nobody_waits_for_workers_that_are_not_there(database: Database):
    with pytest.raises(Unavailable) as refused:
        ask(database)
    assert refused.value.code == "no_worker"
    register(database)
    with pytest.raises(Unavailable) as refused:
        ask(database, device="cuda")
    assert (refused.value.code, "cpu" in refused.value.detail) == ("no_device", True)
    with database.unit_of_work() as connection:
        workers.drain(connection, worker_id="wrk_1")
    with pytest.raises(Unavailable) as refused:
        ask(database)
    assert (refused.value.code, "draining" in refused.value.detail) == ("no_worker", True)


def test_too_many_at_once_are_refused_and_late_ones_forgotten(database: Database, monkeypatch: pytest.MonkeyPatch):
    register(database)
    monkeypatch.setattr(dry_runs, "MAX_WAITING", 1)
    monkeypatch.setattr(dry_runs, "KEPT_SECONDS", 0.0)
    late = ask(database, seconds=-1.0)
    with pytest.raises(Unavailable) as refused:
        ask(database)
    assert refused.value.code == "dry_runs_busy"
    assert claim(database, "auto") is None, "nobody waits for it any more"
    with database.unit_of_work() as connection:
        assert dry_runs.expire(connection) == 1
        with pytest.raises(NotFound):
            dry_runs.answer_to(connection, dry_run_id=late)
