"""Workers: shown while they live, with what they run."""

from collections.abc import Sequence

import pytest
from sqlalchemy import update

from models import workers
from models.database import Database
from models.errors import NotFound
from models.tables import workers as table
from tests.models.steps import job, running, submit


def _register(
    database: Database,
    worker_id: str,
    *,
    name: str = "worker-1",
    devices: Sequence[dict[str, str]] = ({"type": "cpu"},),
) -> list[str]:
    with database.unit_of_work() as connection:
        return workers.register(
            connection,
            worker_id=worker_id,
            node="host",
            name=name,
            pool="default",
            slots=2,
            devices=devices,
            versions={"torch": "2"},
        )


def _listed(database: Database) -> list[workers.Worker]:
    with database.reading() as connection:
        return workers.listing(connection)


def test_a_worker_is_shown_with_the_jobs_it_runs(database: Database) -> None:
    _register(database, "wrk_worker-1")
    lease = running(database)
    (document,) = [worker.document() for worker in _listed(database)]
    assert (document["slots"], document["devices"], document["jobs"]) == (2, [{"type": "cpu"}], [lease.job_id])


def test_a_new_life_takes_the_place_of_the_earlier_one(database: Database) -> None:
    assert _register(database, "wrk_a") == []
    assert _register(database, "wrk_b") == ["wrk_a"]
    assert _register(database, "wrk_c", name="worker-2") == []
    assert [worker.id for worker in _listed(database)] == ["wrk_b", "wrk_c"]


def test_a_silent_worker_is_not_shown(database: Database) -> None:
    _register(database, "wrk_a")
    with database.unit_of_work() as connection:
        connection.execute(update(table).values(seen_at=table.c.seen_at - 120))
    assert _listed(database) == []
    with database.unit_of_work() as connection:
        assert not workers.beat(connection, worker_id="wrk_a", utilisation={"cpu": 0.5})
    assert _listed(database)[0].utilisation == {"cpu": 0.5}


def test_a_worker_hears_with_its_heartbeat_that_it_is_to_drain(database: Database) -> None:
    _register(database, "wrk_a")
    with database.unit_of_work() as connection:
        workers.drain(connection, worker_id="wrk_a")
        assert workers.beat(connection, worker_id="wrk_a", utilisation={})
        with pytest.raises(NotFound):
            workers.drain(connection, worker_id="wrk_b")


def test_a_queued_job_says_whether_there_is_a_worker_at_all(database: Database) -> None:
    submitted = submit(database)
    assert job(database, submitted.id).queue.reason == "no_worker"
    _register(database, "wrk_a")
    assert job(database, submitted.id).queue.reason == "starting"
    with database.unit_of_work() as connection:
        workers.leave(connection, worker_id="wrk_a")
    assert job(database, submitted.id).queue.reason == "no_worker"


def test_a_worker_that_was_seen_before_the_clock_was_set_back_is_not_taken_for_alive(database: Database) -> None:
    _register(database, "wrk_a")
    with database.unit_of_work() as connection:
        connection.execute(update(table).values(seen_at=table.c.seen_at + 86_400))
    assert _listed(database) == []
    with database.unit_of_work() as connection:
        workers.beat(connection, worker_id="wrk_a", utilisation={})
    assert [worker.id for worker in _listed(database)] == ["wrk_a"]


def test_a_worker_all_of_whose_slots_are_in_quarantine_has_no_device(database: Database) -> None:
    _register(database, "wrk_a", devices=[{"type": "cuda"}])
    submitted = submit(database)
    slots = [{"slot": number, "since": None, "faults": 2, "reason": None} for number in range(2)]
    for quarantined, reason in ((slots[:1], "starting"), (slots, "no_device"), ([], "starting")):
        with database.unit_of_work() as connection:
            workers.beat(connection, worker_id="wrk_a", utilisation={}, quarantined=quarantined)
        assert _listed(database)[0].document()["quarantined"] == quarantined
        assert job(database, submitted.id).queue.reason == reason


def test_a_job_for_a_device_that_no_worker_has_says_so(database: Database) -> None:
    submitted = submit(database, sent={"resources": {"device": "cuda"}})
    _register(database, "wrk_a")
    assert job(database, submitted.id).queue.reason == "no_device"
    _register(database, "wrk_b", name="beta", devices=[{"type": "cpu"}, {"type": "cuda"}])
    assert job(database, submitted.id).queue.reason == "starting"


def test_registering_again_after_an_unknown_commit_is_harmless(database: Database) -> None:
    _register(database, "wrk_a")
    assert _register(database, "wrk_a") == []
    assert [worker.id for worker in _listed(database)] == ["wrk_a"]


def test_a_worker_learns_that_it_is_not_known(database: Database) -> None:
    with database.unit_of_work() as connection:
        assert workers.beat(connection, worker_id="wrk_a", utilisation={}) is None
