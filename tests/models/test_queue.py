"""Explained waiting: place, reason, sentence and the time until a job begins."""

import pytest
from sqlalchemy import update

from models import jobs, queue, workers
from models.database import Database
from models.job import Job, Queue
from models.json_text import encode
from models.queue import coarse
from models.status import Outcome
from models.tables import job_leases
from models.tables import jobs as table
from tests.models.steps import claim, end, submit


def register(database: Database, *, slots: int = 1, kind: str = "cpu") -> None:
    with database.unit_of_work() as connection:
        workers.register(
            connection,
            worker_id="wrk_1",
            node="n",
            name="w",
            pool="default",
            slots=slots,
            devices=[{"type": kind}],
            versions={},
        )


def waiting(database: Database, job: Job) -> Queue:
    with database.reading() as connection:
        found = jobs.get(connection, project="default", job_id=job.id).queue
    assert found is not None
    return found


def runs(database: Database, *, eta_seconds: float | None) -> None:
    """The oldest job is running, and says so much of itself."""
    claimed = claim(database)
    assert claimed is not None
    with database.unit_of_work() as connection:
        mine = job_leases.c.job_id == claimed.lease.job_id
        progress = None if eta_seconds is None else encode({"eta_seconds": eta_seconds})
        connection.execute(update(job_leases).where(mine).values(progress=progress))


def has_taken(database: Database, *, seconds: float) -> None:
    """A job of the project has succeeded in so many seconds."""
    job = submit(database)
    claimed = claim(database)
    assert claimed is not None
    end(database, claimed.lease, Outcome.SUCCEEDED, result={}, digest="0" * 64)
    with database.unit_of_work() as connection:
        took = {"started_at": table.c.finished_at - seconds}
        connection.execute(update(table).where(table.c.id == job.id).values(**took))


def test_a_job_that_nobody_can_run_says_so_when_it_is_submitted(database: Database):
    told = submit(database).queue
    assert told is not None
    assert (told.reason, told.eta_seconds) == ("no_worker", None)
    assert told.document()["position"] == 1
    assert "'default'" in told.detail
    register(database)
    told = submit(database, sent={"resources": {"device": "cuda"}}).queue
    assert told is not None
    assert (told.reason, "'cuda'" in told.detail, "cpu" in told.detail) == ("no_device", True, True)


def test_workers_that_are_draining_are_told_apart_from_none(database: Database):
    register(database)
    with database.unit_of_work() as connection:
        workers.drain(connection, worker_id="wrk_1")
    told = waiting(database, submit(database))
    assert (told.reason, "draining" in told.detail) == ("no_worker", True)


def test_a_free_slot_is_told_from_a_busy_one(database: Database):
    register(database, slots=2)
    first, second, third = submit(database), submit(database), submit(database)
    assert [waiting(database, job).reason for job in (first, second, third)] == ["starting", "starting", "busy"]
    claim(database)
    assert [waiting(database, job).reason for job in (second, third)] == ["starting", "busy"]
    claim(database)
    told = waiting(database, third)
    assert (told.ahead, told.detail) == (0, "2 of 2 slots train; it is the next one.")


def test_the_time_to_wait_follows_from_what_runs_and_what_such_jobs_took(database: Database):
    register(database, slots=2)
    for seconds in (90, 100, 3000):
        has_taken(database, seconds=seconds)
    names = [submit(database) for _ in range(5)]
    runs(database, eta_seconds=30)
    runs(database, eta_seconds=None)
    # One slot is free in 30 s, the other in 50: half of the median, which is 100. Then 130, then 150.
    assert [waiting(database, job).eta_seconds for job in names[2:]] == [30, 50, 180]
    assert coarse(130) == 180
    register(database, slots=3)
    assert waiting(database, names[2]).reason == "starting"


def test_without_anything_measured_nothing_is_promised(database: Database):
    register(database)
    first, second, third = submit(database), submit(database), submit(database)
    runs(database, eta_seconds=42)
    assert (waiting(database, second).eta_seconds, waiting(database, third).eta_seconds) == (50, None)
    with database.unit_of_work() as connection:
        connection.execute(update(job_leases).values(progress=None))
    assert waiting(database, second).eta_seconds is None
    assert first.id


def test_a_job_whose_next_attempt_is_not_due_says_when_it_is(database: Database):
    register(database)
    job = submit(database)
    with database.unit_of_work() as connection:
        connection.execute(update(table).values(available_at=table.c.available_at + 45))
    told = waiting(database, job)
    assert (told.reason, told.eta_seconds) == ("backoff", 50)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, 0), (0.1, 10), (59, 60), (61, 120), (601, 900), (4000, 5400), (90_000, 108_000)]
)
def test_times_are_told_in_steps_that_a_person_would_say(seconds: float, told: float):
    assert coarse(seconds) == told
    assert queue.coarse(None) is None
