"""Too little disk or memory, or a disk that lies: the right reason, the previous checkpoint, and on again once there is
room.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from models import checkpoints
from models.job import Job
from models.status import Status
from tests.fixtures.results import Measured
from tests.fixtures.waiting import wait_for
from tests.reliability.control_groups import memory_limit, put_into
from tests.worker.running import running_spares
from tests.worker.test_chaos import forgive, submit
from tests.worker.yard import Yard, open_yard
from worker import memory_kills
from worker.spares import Spares

FILES = ("weights.safetensors", "state.json", "manifest.json")
TEMPLATE = (sys.executable, str(Path(__file__).with_name("full_disk_template.py")))

LIMIT_BYTES = 128 << 20
#: Its weights, gradients and moments are more than the limit.
HUNGRY = {
    "data": {"dataset": "iris"},
    "network": {"type": "mlp", "hidden": [3072, 3072]},
    "training": {"epochs": 1},
    "evaluation": {"baselines": False},
    "retries": {"infrastructure": 5},
}


def saved(yard: Yard, job_id: str) -> list[int]:
    with yard.database.reading() as connection:
        return [checkpoint.step for checkpoint in checkpoints.listing(connection, job_id=job_id)]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is there, there is no room on the disk of the real trainers."""
    return tmp_path_factory.mktemp("disk") / "full"


@pytest.fixture(scope="module")
def real_spares(full: Path) -> Iterator[Spares]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FULL_WHILE", str(full))
        with running_spares(command=TEMPLATE, num_slots=2) as started:
            yield started


@pytest.fixture
def real_yard(sqlite_database, tmp_path, real_spares):
    with open_yard(sqlite_database, tmp_path, real_spares) as opened:
        yield opened


def test_a_full_disk_fails_the_attempt_and_the_job_goes_on_when_there_is_room(
    real_yard: Yard, full: Path, measured: Measured
):
    job_id = submit(real_yard)
    real_yard.ring()
    wait_for(lambda: saved(real_yard, job_id), "a checkpoint")
    full.touch()
    real_yard.join()
    failed = real_yard.job(job_id)
    before = saved(real_yard, job_id)
    assert failed.reason is not None
    assert (failed.status, failed.reason["code"]) == (Status.QUEUED, "storage_full")
    full.unlink()
    forgive(real_yard)
    job = trained(real_yard, job_id)
    measured("disk full", reason="storage_full", resumed_from_step=job.attempts[-1].resumed_from_step or 0)
    assert job.attempts[-1].resumed_from_step == before[0]


def words(process: psutil.Process) -> list[str]:
    """Its command line; none where it has just ended."""
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def test_a_trainer_that_the_kernel_kills_for_memory_says_so_and_its_job_goes_on_when_there_is_room(
    real_yard: Yard, monkeypatch, measured: Measured
):
    """Where no control group can be made, the test kills as the kernel does, and counts as it does."""
    job_id = submit(real_yard, HUNGRY, sample_name="iris")
    with memory_limit(LIMIT_BYTES) as group:
        if group is None:
            kill_by_hand(real_yard, job_id, monkeypatch)
        else:
            (template,) = (child for child in psutil.Process().children() if TEMPLATE[1] in words(child))
            put_into(group, template.children())
            real_yard.ring()
        real_yard.join()
    killed = real_yard.job(job_id)
    assert killed.reason is not None
    assert (killed.status, killed.reason["code"]) == (Status.QUEUED, "host_oom")
    forgive(real_yard)
    job = trained(real_yard, job_id)
    by = "the kernel" if group is not None else "the test, for no control group can be made here"
    measured("host out of memory", killed_by=by, reason="host_oom", attempts=len(job.attempts))
    assert [attempt.outcome for attempt in job.attempts] == ["failed", "succeeded"]


def kill_by_hand(yard: Yard, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kills: list[int] = []
    monkeypatch.setattr(memory_kills, "count", lambda: len(kills))
    yard.ring()
    trainer = wait_for(lambda: yard.slots._running.get(job_id), "a supervisor")._trainer
    kills.append(wait_for(lambda: trainer.pid, "a trainer"))
    trainer.signal(signal.SIGKILL)


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
