"""What trackers are fed: whole steps in order, in portions, and only for the attempt that holds the job."""

from typing import Any

import numpy as np

from models import feed, leases, metrics
from models.database import Database
from models.leases import Lease
from models.metric_blobs import points
from models.status import Outcome, Status
from tests.models.steps import INFRASTRUCTURE_FAULT, claim, end, held, running


def append(database: Database, lease: Lease, **series: range) -> None:
    with held(database, lease) as connection:
        new = {name: points(of_name, [0.0] * len(of_name), [*map(float, of_name)]) for name, of_name in series.items()}
        metrics.append(connection, job_id=lease.job_id, series=new)


def portion(database: Database, lease: Lease, *, after: int, with_last: bool = False) -> feed.Portion:
    with database.reading() as connection:
        return feed.portion(connection, job_id=lease.job_id, after_step=after, with_last=with_last)


def steps(found: feed.Portion) -> dict[str, list[int]]:
    return {name: one.steps.tolist() for name, one in found.series.items()}


def test_the_last_step_waits_until_it_can_grow_no_more(database: Database):
    lease = running(database)
    append(database, lease, loss=range(1, 6))
    found = portion(database, lease, after=-1)
    assert (steps(found), found.last_step, found.is_all) == ({"loss": [1, 2, 3, 4]}, 4, True)
    append(database, lease, accuracy=range(5, 6))
    assert portion(database, lease, after=4).last_step is None
    last = portion(database, lease, after=4, with_last=True)
    assert (steps(last), last.last_step) == ({"loss": [5], "accuracy": [5]}, 5)
    assert portion(database, lease, after=5, with_last=True).last_step is None


def test_a_job_without_points_has_nothing_to_tell(database: Database):
    found = portion(database, running(database), after=-1, with_last=True)
    assert (found.series, found.last_step, found.is_all) == ({}, None, True)


def test_a_long_series_comes_in_portions_that_agree_on_their_steps(sqlite_url: str):
    database = Database(sqlite_url)
    lease = running(database)
    append(database, lease, loss=range(1, 20_001), seldom=range(500, 20_001, 500))
    told: dict[str, list[int]] = {"loss": [], "seldom": []}
    position, num_portions = -1, 0
    while (found := portion(database, lease, after=position, with_last=True)).last_step is not None:
        assert {name: one.values.tolist() for name, one in found.series.items()} == {
            name: [float(step) for step in of_name] for name, of_name in steps(found).items()
        }
        for name, of_name in steps(found).items():
            told[name] += of_name
        position, num_portions = found.last_step, num_portions + 1
    assert told == {"loss": list(range(1, 20_001)), "seldom": list(range(500, 20_001, 500))}
    assert num_portions > 1
    database.close()


def test_standing_is_told_to_the_attempt_that_is_the_last_alone(database: Database):
    lease = running(database)
    with database.reading() as connection:
        now = feed.standing(connection, lease)
    assert now is not None
    assert (now.status, dict(now.test)) == (Status.RUNNING, {})
    end(database, lease, Outcome.FAILED, reason=INFRASTRUCTURE_FAULT, backoff_seconds=0.0)
    with database.reading() as connection:
        between = feed.standing(connection, lease)
    assert between is not None
    assert between.status == Status.QUEUED
    second = claim(database)
    assert second is not None
    with database.reading() as connection:
        assert feed.standing(connection, lease) is None
        assert feed.standing(connection, second.lease) is not None


def test_a_success_brings_its_test_scores(database: Database):
    lease = running(database)
    result: dict[str, Any] = {"test": {"accuracy": 0.5, "confusion": [[1]]}, "steps": 9}
    end(database, lease, Outcome.SUCCEEDED, result=result, digest="0" * 64)
    with database.reading() as connection:
        found = feed.standing(connection, lease)
    assert found is not None
    assert (found.status, dict(found.test), found.steps) == (Status.SUCCEEDED, {"test/accuracy": 0.5}, 9)


def test_a_remark_is_heard_behind_the_end_but_not_behind_the_next_beginning(database: Database):
    lease = running(database)
    end(database, lease, Outcome.FAILED, reason=INFRASTRUCTURE_FAULT, backoff_seconds=0.0)

    def remarked(message: str) -> list[str]:
        with database.unit_of_work() as connection:
            leases.remark(connection, lease, code="tracking_gap", message=message)
        with database.reading() as connection:
            text = connection.exec_driver_sql("select warnings from jobs").scalar_one()
        return [word for word in ("one", "two") if word in text]

    assert remarked("one") == ["one"]
    assert remarked("one") == ["one"]
    assert claim(database) is not None
    assert remarked("two") == ["one"]


def test_values_that_are_no_numbers_are_told_as_they_are(database: Database):
    lease = running(database)
    with held(database, lease) as connection:
        metrics.append(connection, job_id=lease.job_id, series={"loss": points([1], [0.0], [float("nan")])})
    assert np.isnan(portion(database, lease, after=-1, with_last=True).series["loss"].values[0])
