"""A disk that is full or lies: the right reason, the previous checkpoint, and on again once there is room."""

import sys
from pathlib import Path

import pytest

from models import checkpoints
from models.job import Job
from models.status import Status
from tests.fixtures.results import Measured
from tests.fixtures.waiting import wait_for
from tests.worker.running import running_spares
from tests.worker.test_chaos import forgive, submit
from tests.worker.yard import Yard, open_yard

FILES = ("weights.safetensors", "state.json", "manifest.json")
TEMPLATE = (sys.executable, str(Path(__file__).with_name("full_disk_template.py")))


def saved(yard: Yard, job_id: str) -> list[int]:
    with yard.database.reading() as connection:
        return [checkpoint.step for checkpoint in checkpoints.listing(connection, job_id=job_id)]


def test_a_full_disk_fails_the_attempt_and_the_job_goes_on_when_there_is_room(
    sqlite_database, tmp_path, monkeypatch, measured: Measured
):
    full = tmp_path / "full"
    monkeypatch.setenv("FULL_WHILE", str(full))
    with running_spares(command=TEMPLATE, num_slots=2) as spares, open_yard(sqlite_database, tmp_path, spares) as yard:
        job_id = submit(yard)
        yard.ring()
        wait_for(lambda: saved(yard, job_id), "a checkpoint")
        full.touch()
        yard.join()
        failed = yard.job(job_id)
        before = saved(yard, job_id)
        assert failed.reason is not None
        assert (failed.status, failed.reason["code"]) == (Status.QUEUED, "storage_full")
        full.unlink()
        forgive(yard)
        job = trained(yard, job_id)
    measured("disk full", reason="storage_full", resumed_from_step=job.attempts[-1].resumed_from_step or 0)
    assert job.attempts[-1].resumed_from_step == before[0]


def trained(yard: Yard, job_id: str) -> Job:
    yard.ring()
    yard.join()
    job = yard.job(job_id)
    assert (job.status, job.reason) == (Status.SUCCEEDED, None)
    return job


@pytest.fixture(scope="module")
def fake_spares():
    with running_spares(num_slots=2) as started:
        yield started


@pytest.fixture
def fake_yard(sqlite_database, tmp_path, fake_spares):
    with open_yard(sqlite_database, tmp_path, fake_spares) as opened:
        yield opened


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_in_the_latest_checkpoint_costs_a_step_back_and_an_event(fake_yard: Yard, name):
    job_id = fake_yard.submit("endless")
    for _ in range(2):
        fake_yard.ring()
        fake_yard.wait(job_id, Status.RUNNING, phase="training")
        fake_yard.control("pause", job_id)
        fake_yard.wait(job_id, Status.PAUSED)
        fake_yard.join()
        fake_yard.control("resume", job_id)
    latest, previous = saved(fake_yard, job_id)
    path = fake_yard.folder / "artifacts" / "jobs" / job_id / "2" / str(latest) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    fake_yard.ring()
    fake_yard.wait(job_id, Status.RUNNING, phase="training")
    fake_yard.control("stop", job_id)
    job = fake_yard.wait(job_id, Status.SUCCEEDED)
    assert [attempt.resumed_from_step for attempt in job.attempts] == [None, previous, previous]
    assert fake_yard.events(job_id).count("job.checkpoint_damaged") == 1
    losses = fake_yard.losses(job_id)
    assert losses == list(range(1, len(losses) + 1))
