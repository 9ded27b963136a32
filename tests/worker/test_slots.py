"""Slots: no job waits while one is free, none is started twice, and a stopping worker gives everything back."""

import threading
import time

import pytest

from models.status import Status
from tests.fixtures.waiting import wait_for
from tests.worker.running import running_spares
from tests.worker.yard import open_yard


@pytest.fixture
def yard(database, tmp_path, spares):
    with open_yard(database, tmp_path, spares) as opened:
        yield opened


@pytest.fixture
def sqlite_yard(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares) as opened:
        yield opened


def test_one_bell_is_enough_for_a_whole_queue(sqlite_yard):
    job_ids = [sqlite_yard.submit() for _ in range(5)]
    sqlite_yard.ring()
    sqlite_yard.join()
    assert {sqlite_yard.job(job_id).status for job_id in job_ids} == {Status.SUCCEEDED}


def test_jobs_run_by_priority_then_by_age(sqlite_yard):
    job_ids = [sqlite_yard.submit(priority=priority) for priority in (0, 5, 0, 9)]
    sqlite_yard.ring()
    sqlite_yard.join()
    order = sorted(job_ids, key=lambda job_id: sqlite_yard.job(job_id).started_at)
    assert order == [job_ids[3], job_ids[1], job_ids[0], job_ids[2]]


def test_ten_bells_start_a_job_once(yard):
    job_ids = [yard.submit() for _ in range(4)]
    for _ in range(10):
        yard.ring()
    yard.join()
    for job_id in job_ids:
        job = yard.job(job_id)
        assert (job.status, len(job.attempts)) == (Status.SUCCEEDED, 1)


def test_a_claim_whose_answer_got_lost_is_trained_and_not_taken_for_lost(sqlite_yard):
    job_id = sqlite_yard.submit()
    sqlite_yard.database.loses_answers = True
    sqlite_yard.ring()
    sqlite_yard.join()
    assert sqlite_yard.job(job_id).status == Status.RUNNING, "it was committed"
    sqlite_yard.database.loses_answers = False
    sqlite_yard.ring()
    sqlite_yard.join()
    assert [attempt.outcome for attempt in sqlite_yard.job(job_id).attempts] == ["succeeded"]


def test_never_more_jobs_than_slots(sqlite_yard):
    job_ids = [sqlite_yard.submit("endless") for _ in range(3)]
    for _ in range(3):
        sqlite_yard.ring()
    for job_id in job_ids[:2]:
        sqlite_yard.wait(job_id, Status.RUNNING, phase="training")
    assert sqlite_yard.slots.num_free == 0
    assert sqlite_yard.job(job_ids[2]).status == Status.QUEUED
    for job_id in job_ids:
        sqlite_yard.wait(job_id, Status.RUNNING)
        sqlite_yard.control("stop", job_id)


def test_a_bell_that_finds_every_slot_busy_is_remembered(sqlite_yard):
    """The slot is between its last vain look and being free when the job comes; nobody rings again."""
    slots, late = sqlite_yard.slots, []

    def look_too_early(slot: int) -> bool:
        if not late:
            late.append(sqlite_yard.submit())
            slots._free.clear()
            slots.work()  # finds no free slot
            return False
        return original(slot)

    original, slots._train_next = slots._train_next, look_too_early
    slots.work()
    assert sqlite_yard.job(late[0]).status == Status.SUCCEEDED
    slots._free = [0, 1]


def test_a_dataset_that_is_gone_fails_its_job_and_no_other(sqlite_yard):
    lost = sqlite_yard.submit(data={"dataset": "ds_00000000-0000-7000-8000-000000000000"})
    fine = sqlite_yard.submit()
    sqlite_yard.ring()
    sqlite_yard.join()
    job = sqlite_yard.job(lost)
    assert job.reason is not None
    assert (job.status, job.reason["code"]) == (Status.FAILED, "invalid_data")
    assert sqlite_yard.job(fine).status == Status.SUCCEEDED


def test_a_job_that_was_cancelled_in_the_queue_is_never_started(sqlite_yard):
    job_id = sqlite_yard.submit()
    sqlite_yard.control("cancel", job_id)
    sqlite_yard.ring()
    sqlite_yard.join()
    job = sqlite_yard.job(job_id)
    assert (job.status, list(job.attempts)) == (Status.CANCELLED, [])


def test_a_drain_saves_a_checkpoint_and_gives_the_job_back_uncounted(yard):
    job_id = yard.submit("endless", retries={"infrastructure": 0})
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    yard.slots.drain()
    assert yard.slots.wait_until_idle()
    job = yard.job(job_id)
    assert job.status == Status.QUEUED
    assert job.attempts[0].outcome == "drained"
    assert "job.checkpoint" in yard.events(job_id)


def test_a_draining_worker_claims_nothing_more(sqlite_yard):
    sqlite_yard.slots.drain()
    job_id = sqlite_yard.submit()
    sqlite_yard.ring()
    sqlite_yard.join()
    assert sqlite_yard.job(job_id).status == Status.QUEUED


def test_a_drain_between_a_claim_and_its_start_sends_the_job_back_uncounted(sqlite_yard):
    job_id = sqlite_yard.submit("endless", retries={"infrastructure": 0})
    slots = sqlite_yard.slots
    claimed = slots._claim(0)
    slots.drain()
    slots._supervise(0, claimed, sqlite_yard.spares.take(0))
    job = sqlite_yard.job(job_id)
    assert (job.status, job.attempts[0].outcome) == (Status.QUEUED, "drained")
    assert "job.checkpoint" in sqlite_yard.events(job_id)


def test_a_trainer_that_does_not_drain_in_time_is_killed_and_its_job_given_back(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares, drain_seconds=1) as yard:
        job_id = yard.submit("hanging")
        yard.ring()
        yard.wait(job_id, Status.RUNNING, phase="training")
        start = time.monotonic()
        yard.slots.drain()
        assert yard.slots.wait_until_idle()
        assert time.monotonic() - start < 20  # a trainer that is waited for takes for ever
        job = yard.job(job_id)
        assert (job.status, job.attempts[0].outcome) == (Status.QUEUED, "drained")


def test_a_stopping_worker_does_not_wait_for_ever_for_a_database(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares, drain_seconds=1) as yard:
        job_id = yard.submit("endless")
        yard.ring()
        yard.wait(job_id, Status.RUNNING, phase="training")
        sqlite_database.is_away = True
        yard.slots.drain()
        assert yard.slots.wait_until_idle()
        sqlite_database.is_away = False
        assert yard.job(job_id).status == Status.RUNNING, "its lease runs out, and the reaper ends the attempt"


def test_while_the_database_is_away_a_bell_does_no_harm(sqlite_yard):
    sqlite_yard.database.is_away = True
    sqlite_yard.slots.work()
    assert sqlite_yard.slots.num_free == 2


def test_without_a_template_no_job_is_claimed(sqlite_database, tmp_path):
    with running_spares() as spares, open_yard(sqlite_database, tmp_path, spares) as yard:
        spares.close()
        job_id = yard.submit()
        yard.slots.work()
        assert yard.job(job_id).status == Status.QUEUED
        assert yard.slots.num_free == 2


def test_a_spare_whose_job_cannot_be_supervised_is_not_left_behind(sqlite_yard):
    job_id = sqlite_yard.submit()
    claimed = sqlite_yard.slots._claim(0)
    claimed.claim.spec["max_runtime"] = "as long as it takes"
    trainer = sqlite_yard.spares.take(0)
    with pytest.raises(ValueError, match="a duration is"):
        sqlite_yard.slots._supervise(0, claimed, trainer)
    assert trainer.wait(5)
    assert sqlite_yard.job(job_id).status == Status.RUNNING, "its lease runs out, and the reaper ends the attempt"


def test_while_a_job_trains_the_next_spare_is_made(sqlite_yard):
    job_id = sqlite_yard.submit("endless")
    sqlite_yard.ring()
    assert wait_for(lambda: sqlite_yard.spares._idle.get(0), "the next spare").is_open()
    assert sqlite_yard.job(job_id).status == Status.RUNNING
    sqlite_yard.control("cancel", job_id)
    sqlite_yard.wait(job_id)


def test_after_a_job_the_next_spare_is_ready(sqlite_yard):
    sqlite_yard.train("plain")
    assert wait_for(lambda: sqlite_yard.spares._idle.get(0), "the next spare").is_open()


def test_a_crowd_of_bells_and_jobs_ends_with_every_job_trained_once(yard):
    job_ids: list[str] = []

    def customer() -> None:
        for _ in range(5):
            job_ids.append(yard.submit())
            yard.slots.work()

    customers = [threading.Thread(target=customer) for _ in range(4)]
    for thread in customers:
        thread.start()
    for thread in customers:
        thread.join(120)
    assert len(job_ids) == 20
    for job_id in job_ids:
        job = yard.wait(job_id)
        assert (job.status, len(job.attempts)) == (Status.SUCCEEDED, 1)
