"""The profiler: whatever becomes of its child process, the dataset gets an answer or another try."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.profiling import Profiler
from models import datasets
from models.artifacts import LocalStore
from models.database import Database
from models.datasets import Dataset
from models.errors import NotFound
from tests.fixtures.waiting import wait_for

CONTENT = b"a,b\n1,2\n3,4\n"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "artifacts")


@pytest.fixture
def profiler(database: Database, store: LocalStore) -> Iterator[Profiler]:
    made = Profiler(database, store)
    yield made
    made.close()


@pytest.fixture
def whole(database: Database, store: LocalStore) -> Dataset:
    """A dataset whose content has arrived."""
    store.path("datasets/x").parent.mkdir()
    store.path("datasets/x").write_bytes(CONTENT)
    with database.unit_of_work() as connection:
        declared = datasets.declare(
            connection, project="default", name="x", format="csv", options={}, num_bytes=len(CONTENT), sha256=None
        )
        return datasets.complete(connection, dataset_id=declared.id, sha256="0" * 64, location="datasets/x")


def _now(database: Database, dataset: Dataset) -> Dataset:
    with database.reading() as connection:
        return datasets.get(connection, project="default", dataset_id=dataset.id)


def _over(database: Database, dataset: Dataset) -> Dataset:
    wait_for(lambda: _now(database, dataset).status != datasets.PROFILING, "the profile")
    return _now(database, dataset)


def test_content_that_is_understood_is_ready(profiler: Profiler, database: Database, whole: Dataset):
    profiler.profile(whole)
    profiler.profile(whole)
    found = _over(database, whole)
    assert (found.status, found.profile["rows"]) == (datasets.READY, 2)


def test_a_child_that_dies_without_a_word_makes_the_dataset_invalid(
    profiler: Profiler, database: Database, whole: Dataset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    profiler.profile(whole)
    found = _over(database, whole)
    assert (found.status, found.reason["code"]) == (datasets.INVALID, "invalid_data")
    assert "more memory or time" in found.reason["message"]


def test_a_child_that_takes_too_long_is_killed(
    profiler: Profiler, database: Database, whole: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "executable", _sleeper(tmp_path))
    monkeypatch.setattr("api.profiling._LONGEST_SECONDS", 0.05)
    profiler.profile(whole)
    assert "took longer" in _over(database, whole).reason["message"]


def test_a_service_that_stops_kills_the_child_and_leaves_the_dataset_to_the_next(
    profiler: Profiler, database: Database, store: LocalStore, whole: Dataset, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(sys, "executable", _sleeper(tmp_path))
    profiler.profile(whole)
    child = wait_for(lambda: profiler._children.get(whole.id), "the child")
    profiler.close()
    assert child.poll() is not None
    assert _now(database, whole).status == datasets.PROFILING
    monkeypatch.undo()
    successor = Profiler(database, store, recover_after_seconds=0.0)
    wait_for(lambda: (successor.recover(), _now(database, whole).status == datasets.READY)[1], "the next profile")
    successor.close()


def test_a_dataset_that_goes_away_meanwhile_is_forgotten(
    profiler: Profiler, database: Database, whole: Dataset, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    with database.unit_of_work() as connection:
        datasets.remove(connection, project="default", dataset_id=whole.id)
    profiler.profile(whole)
    wait_for(lambda: whole.id not in profiler._children, "the profiler to be done")
    with pytest.raises(NotFound):
        _now(database, whole)
    assert "went away" in caplog.text


def _sleeper(folder: Path) -> str:
    """A program that ignores its arguments and sleeps."""
    program = folder / "sleeper"
    program.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    program.chmod(0o700)
    return str(program)
