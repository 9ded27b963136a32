"""Trainers killed at random points: the job finishes, and its weights are those of a run that nobody disturbed."""

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from models import jobs, spec
from models.job import Job
from models.samples import sample
from models.status import Status
from tests.worker.running import running_spares
from tests.worker.yard import PROJECT, Yard, open_yard
from worker.spares import COMMAND, Spares

SECONDS_TO_LIVE = (0.05, 0.6)


@pytest.fixture(scope="module")
def real_spares() -> Iterator[Spares]:
    with running_spares(command=COMMAND, num_slots=2) as started:
        yield started


@pytest.fixture
def yard(sqlite_database, tmp_path, real_spares):
    with open_yard(sqlite_database, tmp_path, real_spares) as opened:
        yield opened


JOB = {
    "data": {"dataset": "digits"},
    "network": {"type": "mlp", "hidden": [32], "dropout": 0.2},
    "training": {"epochs": 30, "batch_size": 64},
    "checkpoints": {"every": "20 steps"},
    "early_stopping": None,
    "evaluation": {"baselines": False},
    "retries": {"infrastructure": 100},
}


def submit(yard: Yard, sent: dict[str, Any] = JOB, *, sample_name: str = "digits") -> str:
    """Queue a job as the API does."""
    resolved = spec.document(spec.resolve(spec.parse(sent), sample(sample_name).profile))
    with yard.database.unit_of_work() as connection:
        return jobs.submit(connection, project=PROJECT, sent=sent, resolved=resolved).id


def train_undisturbed(yard: Yard) -> Job:
    job_id = submit(yard)
    yard.ring()
    yard.join()
    return yard.job(job_id)


def train_among_killings(yard: Yard, *, num_kills: int, seed: int) -> Job:
    """Kill the job's trainer again and again, each time after a random while; then leave it alone."""
    dice, is_over, job_id = random.Random(seed), threading.Event(), submit(yard)
    for _ in range(num_kills):
        yard.ring()
        is_over.wait(dice.uniform(*SECONDS_TO_LIVE))
        if (supervisor := yard.slots._running.get(job_id)) is not None:
            supervisor._trainer.kill()
        yard.join()
        forgive(yard)
    yard.ring()
    yard.join()
    return yard.job(job_id)


def forgive(yard: Yard) -> None:
    """Let a failed job be tried again at once, however often it failed."""
    with yard.database.unit_of_work() as connection:
        connection.exec_driver_sql(
            "update jobs set available_at = 0, infrastructure_failures = 0, stalled_attempts = 0"
        )


def assert_equal(job: Job, undisturbed: Job, yard: Yard) -> None:
    assert (job.status, job.reason) == (Status.SUCCEEDED, None)
    assert job.result is not None
    assert undisturbed.result is not None
    assert job.result["weights_sha256"] == undisturbed.result["weights_sha256"]
    assert job.result["test"] == undisturbed.result["test"]
    assert yard.losses(job.id) == yard.losses(undisturbed.id)


def test_a_job_whose_trainer_is_killed_again_and_again_ends_with_the_same_bits(yard):
    undisturbed = train_undisturbed(yard)
    job = train_among_killings(yard, num_kills=6, seed=1)
    assert any(attempt.resumed_from_step for attempt in job.attempts), "at least one attempt was disturbed"
    assert_equal(job, undisturbed, yard)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_two_hundred_killings_change_no_bit(yard):
    undisturbed = train_undisturbed(yard)
    for seed in range(20):
        assert_equal(train_among_killings(yard, num_kills=10, seed=seed), undisturbed, yard)
