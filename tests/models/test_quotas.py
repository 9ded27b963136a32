"""Quotas: what a project may take, by whichever path a job comes, and what it has taken."""

from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest
from sqlalchemy import insert, select, update

from models import controls, gpu_time, jobs, projects, quotas
from models.database import Database
from models.errors import TooManyRequests
from models.pages import PageRequest
from models.settings import Settings
from models.status import Outcome, Status
from models.tables import attempts, gpu_usage
from tests.models import steps

RESULT = {"result": {"parameters": 3}, "digest": "0" * 64}


def _limit(database: Database, project: str = "default", **limits: int | str | None) -> None:
    with database.unit_of_work() as connection:
        projects.ensure(connection, name=project)
        quotas.change(connection, project=project, limits=limits)


def _used(database: Database, name: str, project: str = "default") -> int:
    with database.reading() as connection:
        return int(quotas.document(connection, project=project)[name]["used"])


def _steer(database: Database, operation, job_id: str) -> controls.Answer:
    with database.unit_of_work() as connection:
        return operation(connection, project="default", job_id=job_id)


def test_defaults_hold_where_a_project_has_no_limit_of_its_own(database: Database) -> None:
    settings = Settings(max_queued_jobs=7, max_running_jobs=3)
    with database.unit_of_work() as connection:
        quotas.set_defaults(connection, settings)
        quotas.change(connection, project="default", limits={"queued_jobs": 2, "running_jobs": "unlimited"})
        shown = quotas.document(connection, project="default")
        assert (shown["queued_jobs"]["limit"], shown["queued_jobs"]["source"]) == (2, "project")
        assert (shown["running_jobs"]["limit"], shown["running_jobs"]["source"]) == (None, "project")
        assert (shown["dataset_bytes"]["limit"], shown["dataset_bytes"]["source"]) == (None, "default")
        quotas.change(connection, project="default", limits={"queued_jobs": None})
        assert quotas.document(connection, project="default")["queued_jobs"]["limit"] == 7
        assert quotas.document(connection, project="other")["running_jobs"]["limit"] == 3


def test_every_path_into_the_queue_is_counted(database: Database) -> None:
    paused, cancelled = steps.submit(database).id, steps.submit(database).id
    _steer(database, controls.pause, paused)
    _steer(database, controls.cancel, cancelled)
    _limit(database, queued_jobs=1)
    waiting = steps.submit(database).id
    for attempt in (
        lambda: steps.submit(database),
        lambda: _steer(database, controls.resume, paused),
        lambda: _steer(database, controls.retry, cancelled),
    ):
        with pytest.raises(TooManyRequests) as caught:
            attempt()
        assert caught.value.members == {"quota": "queued_jobs", "limit": 1, "used": 2}
    assert steps.job(database, paused).status is Status.PAUSED
    assert steps.job(database, cancelled).status is Status.CANCELLED
    assert not _steer(database, controls.resume, waiting).changed  # it waits already
    _steer(database, controls.cancel, waiting)
    assert _steer(database, controls.resume, paused).changed


def test_what_the_service_itself_puts_back_is_never_refused(database: Database) -> None:
    lease = steps.running(database)
    _limit(database, queued_jobs=1)
    steps.submit(database)
    assert steps.end(database, lease, Outcome.DRAINED) is Status.QUEUED
    assert _used(database, "queued_jobs") == 2


def test_of_two_requests_at_once_one_finds_the_last_place(database: Database) -> None:
    _limit(database, queued_jobs=3)
    gate, came_out = Barrier(8), []

    def submit() -> None:
        gate.wait()
        try:
            came_out.append(steps.submit(database).status)
        except TooManyRequests as error:
            came_out.append(error.code)

    threads = [Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came_out) == ["queued"] * 3 + ["quota_exceeded"] * 5


def test_a_project_at_its_limit_of_running_jobs_is_passed_over(database: Database) -> None:
    _limit(database, running_jobs=1)
    lease = steps.running(database, priority=10)
    second = steps.submit(database, priority=9).id
    other = steps.submit(database, project="other").id
    claimed = steps.claim(database)
    assert claimed is not None
    assert (claimed.lease.job_id, steps.claim(database)) == (other, None)
    assert _held(database, second) == "running_jobs"
    assert steps.job(database, second).queue.reason == "quota"
    steps.end(database, lease, Outcome.SUCCEEDED, **RESULT)
    again = steps.claim(database)
    assert again is not None
    assert again.lease.job_id == second


def _held(database: Database, job_id: str, *, on_gpu: bool = False) -> str | None:
    with database.reading() as connection:
        job = jobs.get(connection, project="default", job_id=job_id)
        return quotas.held_back(connection, project=job.project, on_gpu=on_gpu)


def test_workers_that_claim_at_once_do_not_pass_the_limit_together(database: Database) -> None:
    _limit(database, running_jobs=2)
    for _ in range(6):
        steps.submit(database)
    gate, claimed = Barrier(6), []

    def claim(number: int) -> None:
        gate.wait()
        claimed.append(steps.claim(database, worker=f"worker-{number}"))

    threads = [Thread(target=claim, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([claim for claim in claimed if claim is not None]) == 2


def test_a_closed_project_begins_nothing_until_it_is_opened(database: Database) -> None:
    job_id = steps.submit(database).id
    with database.unit_of_work() as connection:
        projects.close(connection, name="default")
    assert steps.claim(database) is None
    assert steps.job(database, job_id).queue.reason == "paused_queue"
    with database.unit_of_work() as connection:
        projects.reopen(connection, name="default")
    assert steps.claim(database) is not None


def _cuda(database: Database, device: str = "cuda", *, seconds: float) -> str:
    """A job that held a GPU for so long and is over."""
    job_id = steps.submit(database, sent={"resources": {"device": device}}, priority=100).id
    claimed = steps.claim(database, device="cuda")
    assert claimed is not None
    assert claimed.lease.job_id == job_id
    with database.unit_of_work() as connection:
        began = update(attempts).where(attempts.c.job_id == job_id)
        connection.execute(began.values(started_at=attempts.c.started_at - seconds))
    steps.end(database, claimed.lease, Outcome.SUCCEEDED, **RESULT)
    return job_id


def _month_total(database: Database) -> float:
    with database.reading() as connection:
        return sum(connection.execute(select(gpu_usage.c.seconds)).scalars())


def test_gpu_time_is_charged_when_an_attempt_ends_and_stays_when_its_job_is_deleted(database: Database) -> None:
    job_id = _cuda(database, seconds=100)
    assert 100 <= _month_total(database) < 160
    with database.unit_of_work() as connection:
        jobs.remove(connection, project="default", job_id=job_id)
    assert _month_total(database) >= 100
    _cuda(database, "auto", seconds=50)
    assert 150 <= _month_total(database) < 210
    _cuda(database, "cpu", seconds=1000)
    assert _month_total(database) < 210


def _spend(database: Database, seconds: float) -> None:
    """Use up GPU time of this month, whichever it is."""
    with database.unit_of_work() as connection:
        month = datetime.now(UTC).strftime("%Y-%m")
        connection.execute(insert(gpu_usage).values(project="default", month=month, seconds=seconds))


def test_when_the_gpu_time_is_used_up_jobs_for_a_gpu_are_refused_or_wait(database: Database) -> None:
    asked = steps.submit(database, sent={"resources": {"device": "cuda"}}, priority=9).id
    either = steps.submit(database, priority=8).id
    modest = steps.submit(database, sent={"resources": {"device": "cpu"}}).id
    _limit(database, gpu_seconds=60)
    _spend(database, 60.5)
    assert _used(database, "gpu_seconds") == 60
    with pytest.raises(TooManyRequests) as caught:
        steps.submit(database, sent={"resources": {"device": "cuda"}})
    assert caught.value.members["quota"] == "gpu_seconds"
    assert int(caught.value.headers["Retry-After"]) >= 1
    steps.submit(database)
    claimed = steps.claim(database, device="cuda")
    assert claimed is not None
    assert claimed.lease.job_id == modest
    assert steps.claim(database, device="cuda") is None
    claimed = steps.claim(database, device="cpu")
    assert claimed is not None
    assert claimed.lease.job_id == either
    assert _held(database, asked, on_gpu=True) == "gpu_seconds"
    _limit(database, gpu_seconds=None)
    claimed = steps.claim(database, device="cuda")
    assert claimed is not None
    assert claimed.lease.job_id == asked


def test_what_still_trains_counts_up_to_now(database: Database) -> None:
    steps.submit(database, sent={"resources": {"device": "cuda"}})
    claimed = steps.claim(database, device="cuda")
    assert claimed is not None
    with database.unit_of_work() as connection:
        connection.execute(update(attempts).values(started_at=0.0))
    into_the_month = datetime.now(UTC) - datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    assert abs(_used(database, "gpu_seconds") - into_the_month.total_seconds()) < 120


def test_a_stretch_of_time_is_split_where_months_turn() -> None:
    start = datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC).timestamp()
    assert gpu_time.by_month(start, start + 5) == {"2026-11": 5.0}
    assert gpu_time.by_month(start, start + 25) == {"2026-11": 10.0, "2026-12": 15.0}
    year = gpu_time.by_month(start, datetime(2027, 2, 1, tzinfo=UTC).timestamp() + 1)
    assert year == {"2026-11": 10.0, "2026-12": 31 * 86400.0, "2027-01": 31 * 86400.0, "2027-02": 1.0}
    assert gpu_time.by_month(start, start - 1) == {}
    assert gpu_time.next_month(datetime(2026, 12, 31, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert gpu_time.seconds_left(datetime(2026, 11, 30, 23, 59, 58, 500, tzinfo=UTC)) == 2


def test_projects_are_listed_newest_first(database: Database) -> None:
    with database.unit_of_work() as connection:
        for name in ("a", "b"):
            projects.create(connection, name=name)
        assert not projects.ensure(connection, name="a")
        assert [project.name for project in projects.listing(connection, page=PageRequest(limit=1))] == ["b", "a"]
