"""The way to the database: fenced, kept while it is away, delivered once, and right after an answer that got lost."""

import threading

import pytest

from models.artifacts import LocalStore
from models.endings import Ending
from models.leases import Lease
from models.status import Outcome, Status
from tests.fixtures.waiting import wait_for
from tests.worker.yard import Yard, open_yard
from worker import relay as relay_module
from worker.ledger import Ledger
from worker.messages import Frame
from worker.relay import Relay


@pytest.fixture
def yard(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares) as opened:
        yield opened


def running_job(yard: Yard, name: str = "endless") -> str:
    job_id = yard.submit(name)
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    return job_id


def relay_of(yard: Yard, lease: Lease) -> Relay:
    ledger = Ledger(yard.database, LocalStore(yard.folder / "artifacts"), lease, lease_seconds=60)
    ignore = {"on_orders": lambda _: None, "on_lost": lambda: None, "on_broken": lambda: None}
    relay = Relay(ledger, heartbeat_seconds=60, **ignore)
    relay.start()
    return relay


def test_a_database_that_is_away_neither_stops_nor_slows_the_run(yard):
    job_id = running_job(yard)
    yard.database.is_away = True
    supervisor = yard.slots._running[job_id]
    supervisor.order("stop")
    wait_for(lambda: supervisor._seen.last, "the run to finish without a database")
    assert yard.job(job_id).status == Status.RUNNING
    yard.database.is_away = False
    job = yard.wait(job_id)
    assert job.status == Status.SUCCEEDED
    assert yard.losses(job_id) == sorted(set(yard.losses(job_id)))
    assert len(yard.losses(job_id)) == job.progress["step"]


def test_what_was_said_while_the_database_was_away_is_delivered_once(yard):
    job_id = running_job(yard)
    yard.database.is_away = True
    wait_for(lambda: yard.database.num_refused > 3, "some vain attempts")
    yard.database.is_away = False
    yard.control("stop", job_id)
    yard.wait(job_id)
    events = yard.events(job_id)
    assert events.count("job.checkpoint") == 1
    assert events.count("job.succeeded") == 1


def test_a_run_without_a_database_for_too_long_saves_a_checkpoint_and_stops(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares, offline_seconds=0.5) as yard:
        job_id = running_job(yard)
        yard.database.is_away = True
        supervisor = yard.slots._running[job_id]
        last = wait_for(lambda: supervisor._seen.last, "the run to stop by itself")
        assert last.fields["outcome"] == "drained"
        yard.slots.close_the_door()
        yard.database.is_away = False
        job = yard.wait(job_id, Status.QUEUED)
        assert job.attempts[0].outcome == "drained"


def test_an_ending_whose_answer_got_lost_is_recognised_and_not_written_twice(yard):
    job_id = running_job(yard)
    yard.database.is_away = True
    supervisor = yard.slots._running[job_id]
    supervisor.order("stop")
    wait_for(lambda: supervisor._seen.last, "the run to finish")
    yard.database.loses_answers = True
    yard.database.is_away = False
    wait_for(lambda: yard.job(job_id).status == Status.SUCCEEDED, "the commit behind the lost answer")
    yard.database.loses_answers = False
    yard.join()
    assert yard.events(job_id).count("job.succeeded") == 1
    assert yard.job(job_id).attempts[0].outcome == "succeeded"


def without_times(log: str) -> list[str]:
    """The lines of a log, without the hour that each begins with."""
    return [line.partition(" ")[2] for line in log.splitlines()]


def test_a_run_among_lost_answers_says_everything_once(yard):
    undisturbed = yard.train("plain")
    job_id = yard.submit("plain")
    yard.database.loses_every = 2
    while not yard.job(job_id).status.is_terminal:
        yard.ring()
        yard.join()
    yard.database.loses_every = 0
    assert yard.database.num_refused > 0
    assert yard.job(job_id).status == Status.SUCCEEDED
    assert without_times(yard.log(job_id)) == without_times(yard.log(undisturbed.id))
    assert yard.events(job_id) == yard.events(undisturbed.id)


def test_what_a_run_has_said_is_written_while_it_is_scored(yard, monkeypatch):
    monkeypatch.setattr(relay_module, "FLUSH_SECONDS", 3600.0)
    job_id = yard.submit()
    relay = relay_of(yard, yard.slots._claim(0).claim.lease)
    relay.put(Frame("phase", {"phase": "training"}))
    relay.put_log(b"an epoch\n")
    assert yard.log(job_id) == ""
    relay.put(Frame("phase", {"phase": "evaluating"}))
    wait_for(lambda: yard.log(job_id) == "an epoch\n", "what was said before")
    assert yard.job(job_id).phase == "evaluating"
    assert relay.end(Ending(outcome=Outcome.DRAINED), give_up=threading.Event()) == Status.QUEUED


def test_an_ending_is_tried_once_however_little_time_is_left(yard):
    job_id = yard.submit()
    claimed = yard.slots._claim(0)
    give_up = threading.Event()
    give_up.set()
    relay = relay_of(yard, claimed.claim.lease)
    assert relay.end(Ending(outcome=Outcome.DRAINED), give_up=give_up) == Status.QUEUED
    assert yard.job(job_id).attempts[0].outcome == "drained"


def test_an_ending_that_cannot_be_written_is_given_up_when_told_to(yard):
    yard.submit()
    relay = relay_of(yard, yard.slots._claim(0).claim.lease)
    give_up = threading.Event()
    give_up.set()
    yard.database.is_away = True
    assert relay.end(Ending(outcome=Outcome.DRAINED), give_up=give_up) is None


def test_a_superseded_attempt_kills_its_trainer_and_writes_nothing(yard):
    job_id = running_job(yard)
    trainer = yard.slots._running[job_id]._trainer
    with yard.database.unit_of_work() as connection:
        connection.exec_driver_sql("update job_leases set lease_token = 'another'")
    assert trainer.wait(10)
    yard.join()
    before = yard.events(job_id)
    assert yard.job(job_id).status == Status.RUNNING
    assert before == yard.events(job_id)
    assert "job.checkpoint" not in before


def test_what_can_never_be_stored_fails_the_attempt_instead_of_being_tried_for_ever(yard):
    job_id = yard.submit("endless", retries={"infrastructure": 0})
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    with yard.database.unit_of_work() as connection:
        connection.exec_driver_sql(
            "create trigger no_checkpoints before insert on checkpoints begin select raise(abort, 'no'); end"
        )
    yard.slots._running[job_id].order("pause")
    job = yard.wait(job_id)
    assert job.reason is not None
    assert (job.status, job.reason["code"]) == (Status.FAILED, "internal_error")
