"""One attempt over a real database: what is relayed, how orders arrive, and the reason behind every bad end."""

import signal

import pytest

from models.status import Status
from tests.fixtures.waiting import wait_for
from tests.worker.yard import Yard, open_yard
from worker.supervisor import Supervisor


@pytest.fixture
def yard(database, tmp_path, spares):
    with open_yard(database, tmp_path, spares) as opened:
        yield opened


@pytest.fixture
def sqlite_yard(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares) as opened:
        yield opened


def supervisor_of(yard: Yard, job_id: str) -> Supervisor:
    return wait_for(lambda: yard.slots._running.get(job_id), "the supervisor")


def test_everything_a_run_says_is_there_when_it_has_succeeded(yard):
    job = yard.train("plain")
    assert (job.status, job.reason) == (Status.SUCCEEDED, None)
    assert job.result is not None
    assert job.result["steps"] == 20
    assert job.progress["step"] == 20
    assert yard.losses(job.id) == list(range(1, 21))
    assert "training plain on auto" in yard.log(job.id)
    assert yard.events(job.id) == [
        "job.queued",
        "job.running",
        "job.phase",
        "job.phase",
        "job.phase",
        "job.checkpoint",
        "job.succeeded",
    ]
    (attempt,) = job.attempts
    assert (attempt.device, attempt.outcome) == ("cpu", "succeeded")


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("diverging", "diverged", "loss of step 3"),
        ("invalid", "invalid_data", "row 7, column age"),
    ],
)
def test_a_fault_of_the_user_fails_the_job_with_its_reason(sqlite_yard, name, code, words):
    job = sqlite_yard.train(name)
    assert job.status == Status.FAILED
    assert job.reason is not None
    assert (job.reason["code"], job.reason["fault"]) == (code, "user")
    assert words in job.reason["message"]


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("crashing", "internal_error", "something is broken"),
        ("killed", "trainer_killed", "SIGKILL"),
        ("aborting", "trainer_killed", "SIGABRT"),
        ("exiting", "storage_full", "no room"),
        ("garbled", "internal_error", "no message"),
        ("spoiled", "storage_fault", "weights.safetensors"),
    ],
)
def test_a_fault_of_the_machine_sends_the_job_back_until_its_retries_are_used_up(sqlite_yard, name, code, words):
    job = sqlite_yard.train(name, retries={"infrastructure": 0})
    assert job.status == Status.FAILED
    assert job.reason is not None
    assert (job.reason["code"], job.reason["fault"]) == (code, "infrastructure")
    assert words in job.reason["message"]
    again = sqlite_yard.train(name, retries={"infrastructure": 5})
    assert again.attempts[0].outcome == "failed"
    assert again.status in {Status.QUEUED, Status.FAILED}


def test_a_crash_leaves_its_traceback_in_the_log(sqlite_yard):
    job = sqlite_yard.train("crashing", retries={"infrastructure": 0})
    assert "RuntimeError: something is broken" in sqlite_yard.log(job.id)


def test_output_of_all_kinds_is_in_the_log(sqlite_yard):
    log = sqlite_yard.log(sqlite_yard.train("talking").id)
    for words in ("said on stdout", "said as a warning", "said by a library"):
        assert words in log


@pytest.mark.parametrize(
    ("operation", "end"),
    [("cancel", Status.CANCELLED), ("pause", Status.PAUSED), ("stop", Status.SUCCEEDED)],
)
def test_what_is_asked_of_a_running_job_arrives_with_a_heartbeat(yard, operation, end):
    job_id = yard.submit("endless")
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    yard.control(operation, job_id)
    assert yard.wait(job_id, end).status == end


def test_a_nudge_makes_the_order_arrive_at_once(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares, heartbeat_seconds=60, lease_seconds=120) as yard:
        job_id = yard.submit("endless")
        yard.ring()
        yard.wait(job_id, Status.RUNNING, phase="training")
        yard.control("cancel", job_id)
        yard.slots.nudge(job_id)
        yard.slots.nudge("job_of_another_worker")
        assert yard.wait(job_id).status == Status.CANCELLED


def test_a_paused_job_goes_on_where_it_stopped(sqlite_yard):
    job_id = sqlite_yard.submit("endless")
    sqlite_yard.ring()
    sqlite_yard.wait(job_id, Status.RUNNING, phase="training")
    sqlite_yard.control("pause", job_id)
    sqlite_yard.wait(job_id, Status.PAUSED)
    sqlite_yard.join()
    sqlite_yard.control("resume", job_id)
    sqlite_yard.ring()
    sqlite_yard.wait(job_id, Status.RUNNING, phase="training")
    sqlite_yard.control("stop", job_id)
    job = sqlite_yard.wait(job_id)
    assert [attempt.resumed_from_step for attempt in job.attempts] == [None, 10]
    assert sqlite_yard.losses(job_id) == sorted(set(sqlite_yard.losses(job_id)))


def test_a_trainer_that_does_not_heed_a_cancellation_is_killed(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares, stop_grace_seconds=0.2) as yard:
        job_id = yard.submit("hanging")
        yard.ring()
        yard.wait(job_id, Status.RUNNING, phase="training")
        yard.control("cancel", job_id)
        assert yard.wait(job_id).status == Status.CANCELLED


def test_a_hung_trainer_is_killed_and_its_log_shows_where_it_hung(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares, watchdog_seconds=0.3) as yard:
        job = yard.train("hanging", retries={"infrastructure": 0})
    assert job.reason is not None
    assert job.reason["code"] == "hung"
    assert 'fake_template.py", line' in yard.log(job.id)


def test_a_long_evaluation_is_not_taken_for_a_hang(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares, watchdog_seconds=1.5) as yard:
        job = yard.train("evaluating", retries={"infrastructure": 0})
    assert job.status == Status.SUCCEEDED


def test_an_attempt_that_takes_too_long_saves_a_checkpoint_and_fails(sqlite_yard):
    job = sqlite_yard.train("endless", max_runtime="0.5 s")
    assert job.status == Status.FAILED
    assert job.reason is not None
    assert (job.reason["code"], job.reason["param"]) == ("timeout", "#/max_runtime")
    assert "job.checkpoint" in sqlite_yard.events(job.id)


def test_sigterm_to_the_trainer_sends_the_job_back_uncounted(sqlite_yard):
    job_id = sqlite_yard.submit("endless", retries={"infrastructure": 0})
    sqlite_yard.ring()
    sqlite_yard.wait(job_id, Status.RUNNING, phase="training")
    supervisor_of(sqlite_yard, job_id)._trainer.signal(signal.SIGTERM)
    wait_for(lambda: len(sqlite_yard.job(job_id).attempts) == 2, "a second attempt")
    assert sqlite_yard.job(job_id).attempts[0].outcome == "drained"


def test_the_remaining_time_is_told(sqlite_yard):
    job_id = sqlite_yard.submit("slow")
    sqlite_yard.ring()
    job = wait_for(lambda: told(sqlite_yard, job_id), "progress with an estimate")
    assert job.progress["eta_seconds"] >= 0


def told(yard: Yard, job_id: str):
    job = yard.job(job_id)
    return job if job.progress["step"] == 10 and job.progress["eta_seconds"] is not None else None
