"""Orphans: files without a row go, rows without files are told, and nothing that lives is touched."""

from pathlib import Path

import pytest

from models import checkpoints, events, jobs, orphans
from models.artifacts import LocalStore
from models.checkpoints import Saved
from models.database import Database
from models.leases import Lease
from models.status import Outcome
from tests.models.steps import end, held, running


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "artifacts")


def save(store: LocalStore, key: str) -> Path:
    folder = store._root / key
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    return folder


def record(database: Database, lease: Lease, step: int) -> str:
    location = f"jobs/{lease.job_id}/{lease.attempt}/{step}"
    saved = Saved(
        step=step,
        epoch=1,
        is_best=False,
        is_final=False,
        metrics={},
        files=[],
        location=location,
        manifest_sha256="ab",
    )
    with held(database, lease) as connection:
        checkpoints.record(connection, job_id=lease.job_id, attempt=lease.attempt, saved=saved)
    return location


def steps(database: Database, lease: Lease) -> list[int]:
    with database.reading() as connection:
        return [checkpoint.step for checkpoint in checkpoints.listing(connection, job_id=lease.job_id)]


def test_files_without_a_row_go_once_their_attempt_is_over(database: Database, store: LocalStore) -> None:
    lease = running(database)
    kept = save(store, record(database, lease, 10))
    strays = [save(store, f"jobs/{lease.job_id}/1/{name}") for name in ("5", "7.old", ".tmp-9-0a1b")]
    aside = save(store, f"jobs/{lease.job_id}/1/10.old")
    assert orphans.sweep(database, store, min_age_seconds=0).deleted == [], "the attempt may have more to tell"
    end(database, lease, Outcome.DRAINED)
    assert orphans.sweep(database, store).deleted == [], "they are young"
    assert len(orphans.sweep(database, store, min_age_seconds=0).deleted) == len(strays)
    assert kept.exists()
    assert aside.exists(), "where a crash amid a replacement has left the only copy"
    assert not any(stray.exists() for stray in strays)
    assert orphans.sweep(database, store, min_age_seconds=0) == orphans.Repairs()


def test_files_of_a_job_that_is_deleted_go(database: Database, store: LocalStore) -> None:
    lease = running(database)
    folder = save(store, record(database, lease, 10))
    end(database, lease, Outcome.SUCCEEDED, result={}, digest="d")
    with database.unit_of_work() as connection:
        jobs.remove(connection, project="default", job_id=lease.job_id)
    orphans.sweep(database, store, min_age_seconds=0)
    assert not folder.parents[1].exists()


def test_a_row_without_files_is_told_and_no_longer_offered(database: Database, store: LocalStore) -> None:
    lease = running(database)
    save(store, record(database, lease, 10))
    location = record(database, lease, 20)
    assert orphans.sweep(database, store).damaged == [location]
    assert steps(database, lease) == [10]
    with database.reading() as connection:
        last = events.listing(connection, job_id=lease.job_id)[-1]
    assert (last.type, last.data["step"]) == ("job.checkpoint_damaged", 20)
    assert orphans.sweep(database, store).damaged == []


def test_a_store_that_is_not_mounted_damages_nothing(database: Database, store: LocalStore) -> None:
    lease = running(database)
    record(database, lease, 10)
    assert orphans.sweep(database, store) == orphans.Repairs()
    assert steps(database, lease) == [10]
