"""Leases: one holder at a time, and nothing written by anybody else."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from models import checkpoints, controls, leases, metrics
from models.database import Database
from models.errors import Superseded
from models.leases import Lease
from models.metric_blobs import points
from models.settings import Settings
from models.status import Outcome, Status
from models.tables import job_leases, jobs
from tests.models.steps import claim, end, held, job, running, submit


def test_a_claim_takes_the_oldest_due_job_of_its_pool(database: Database) -> None:
    first = submit(database)
    submit(database)
    submit(database, resources={"pool": "gpu"}, priority=100)
    claimed = claim(database)
    assert claimed is not None
    assert claimed.lease.job_id == first.id
    document = job(database, first.id).document()
    assert (document["status"], document["phase"], len(document["attempts"])) == ("running", "starting", 1)
    assert (document["attempts"][0]["worker"], document["attempts"][0]["device"]) == ("worker-1", "cpu")


def test_an_empty_queue_gives_nothing(database: Database) -> None:
    assert claim(database) is None


def test_two_workers_never_claim_the_same_job(database: Database) -> None:
    submitted = {submit(database).id for _ in range(12)}
    with ThreadPoolExecutor(6) as threads:
        claims = list(threads.map(lambda number: claim(database, worker=f"w{number}"), range(18)))
    taken = [entry.lease.job_id for entry in claims if entry is not None]
    assert sorted(taken) == sorted(submitted)


def test_a_claim_whose_answer_got_lost_can_be_asked_for(database: Database) -> None:
    submit(database)
    token = leases.new_token()
    taken = claim(database, token=token)
    assert taken is not None
    with database.reading() as connection:
        assert leases.claimed(connection, token=token) == taken
        assert leases.claimed(connection, token=leases.new_token()) is None
    end(database, taken.lease, Outcome.DRAINED)
    with database.reading() as connection:
        assert leases.claimed(connection, token=token) is None


def test_a_clock_that_is_set_back_holds_no_queued_job_up(database: Database) -> None:
    submit(database)
    with database.unit_of_work() as connection:
        connection.execute(update(jobs).values(available_at=jobs.c.available_at + 86_400))
    assert claim(database) is not None


def test_a_job_waits_for_a_worker_with_its_device(database: Database) -> None:
    for device in ("cuda", "auto", "cpu"):
        submit(database, sent={"resources": {"device": device}})
    assert [claim(database).sent["resources"]["device"] for _ in range(2)] == ["auto", "cpu"]
    assert claim(database) is None
    assert claim(database, device="cuda").sent["resources"]["device"] == "cuda"


def test_a_worker_with_a_gpu_takes_every_job(database: Database) -> None:
    for device in ("cpu", "auto", "cuda"):
        submit(database, sent={"resources": {"device": device}})
    taken = [claim(database, device="cuda").sent["resources"]["device"] for _ in range(3)]
    assert taken == ["cpu", "auto", "cuda"]


def test_a_heartbeat_brings_back_what_is_asked(database: Database) -> None:
    lease = running(database)
    with database.unit_of_work() as connection:
        assert leases.beat(connection, lease, lease_seconds=60.0) == leases.Orders(
            cancel=False, pause=False, stop=False, beat=1
        )
        controls.stop(connection, project="default", job_id=lease.job_id)
        assert leases.beat(connection, lease, lease_seconds=60.0).stop
        controls.pause(connection, project="default", job_id=lease.job_id)
        assert leases.beat(connection, lease, lease_seconds=60.0).pause
        controls.cancel(connection, project="default", job_id=lease.job_id)
        assert leases.beat(connection, lease, lease_seconds=60.0).cancel


def test_progress_told_with_a_heartbeat_is_what_readers_see(database: Database) -> None:
    lease = running(database)
    with database.unit_of_work() as connection:
        leases.beat(connection, lease, lease_seconds=60.0, step=7, progress={"fraction": 0.5, "step": 7})
        leases.beat(connection, lease, lease_seconds=60.0)
    progress = job(database, lease.job_id).progress
    assert (progress["fraction"], progress["step"], progress["epoch"]) == (0.5, 7, None)


@pytest.mark.parametrize("forged", ["token", "attempt"])
def test_a_superseded_attempt_changes_nothing(database: Database, forged: str) -> None:
    lease = running(database)
    other = Lease(lease.job_id, lease.attempt + (forged == "attempt"), "0" * 32 if forged == "token" else lease.token)
    before = job(database, lease.job_id).document()
    with pytest.raises(Superseded), held(database, other) as connection:
        metrics.append(connection, job_id=lease.job_id, series={"train/loss": points([1], [1.0], [1.0])})
    with pytest.raises(Superseded):
        end(database, other, Outcome.SUCCEEDED, result={}, digest="d")
    assert job(database, lease.job_id).document() == before
    with database.reading() as connection:
        assert metrics.names(connection, job_id=lease.job_id) == []


def test_a_writer_whose_lease_is_reaped_meanwhile_is_stopped_at_its_next_statement(database: Database) -> None:
    lease = running(database)
    end(database, lease, Outcome.DRAINED)
    again = claim(database)
    assert again is not None
    assert (again.lease.job_id, again.lease.attempt) == (lease.job_id, 2)
    with pytest.raises(Superseded), held(database, lease):
        pytest.fail("a superseded attempt got a transaction")


def test_phases_and_warnings_are_events_and_columns(database: Database) -> None:
    lease = running(database)
    with held(database, lease) as connection:
        leases.enter_phase(connection, lease, "training")
        leases.warn(connection, lease, code="constant_column", message="column a never changes")
        leases.warn(connection, lease, code="constant_column", message="column a never changes")
    seen = job(database, lease.job_id)
    assert seen.phase == "training"
    assert seen.warnings == [{"code": "constant_column", "message": "column a never changes"}]


def test_a_second_attempt_is_given_the_checkpoints_of_the_first_newest_first(database: Database) -> None:
    lease = running(database)
    for step in (10, 20):
        with held(database, lease) as connection:
            checkpoints.record(connection, job_id=lease.job_id, attempt=1, saved=_saved(step))
    end(database, lease, Outcome.DRAINED)
    again = claim(database)
    assert again is not None
    assert [checkpoint.step for checkpoint in again.resume] == [20, 10]


def test_resuming_cuts_the_series_back_to_the_checkpoint(database: Database) -> None:
    lease = running(database)
    with held(database, lease) as connection:
        metrics.append(
            connection, job_id=lease.job_id, series={"train/loss": points(range(1, 31), [0.0] * 30, range(30))}
        )
        leases.resumed(connection, lease, step=20)
    with database.reading() as connection:
        (summary,) = metrics.names(connection, job_id=lease.job_id)
    assert (summary.points, summary.last_step, summary.maximum) == (20, 20, 19.0)
    assert job(database, lease.job_id).attempts[0].resumed_from_step == 20


def test_a_job_that_is_not_due_yet_is_not_claimed(database: Database) -> None:
    lease = running(database)
    fault = {"code": "gpu_fault", "message": "m", "param": None, "fault": "infrastructure"}
    status = end(database, lease, Outcome.FAILED, reason=fault, backoff_seconds=1e9)
    assert status is Status.QUEUED
    assert claim(database) is None


def test_a_lease_runs_out_by_the_clock_of_the_database(database: Database) -> None:
    submit(database)
    started = time.time()
    claimed = claim(database, lease_seconds=60.0)
    assert claimed is not None
    with database.reading() as connection:
        expires_at = connection.execute(select(job_leases.c.expires_at)).scalar_one()
    assert started + 59 < expires_at < time.time() + 61


def _saved(step: int) -> checkpoints.Saved:
    return checkpoints.Saved(
        step=step,
        epoch=1,
        is_best=False,
        is_final=False,
        metrics={},
        files=[{"name": "weights.safetensors", "bytes": 8, "sha256": "0" * 64}],
        location=f"jobs/x/1/{step}",
        manifest_sha256="0" * 64,
    )


@pytest.mark.parametrize(("heartbeat_seconds", "lease_seconds"), [(10, 19), (30, 20)])
def test_a_lease_that_ends_before_a_second_heartbeat_is_refused(heartbeat_seconds: float, lease_seconds: float) -> None:
    with pytest.raises(ValueError, match="attempts that live are reaped"):
        Settings(heartbeat_seconds=heartbeat_seconds, lease_seconds=lease_seconds)
    assert Settings(heartbeat_seconds=10, lease_seconds=20).lease_seconds == 20
