"""Submitting, finding, steering and waiting for jobs, against the real API."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from trainyard import (
    ConfigurationError,
    Conflict,
    Job,
    JobCancelled,
    JobFailed,
    NotFound,
    Unprocessable,
    WaitTimeout,
)
from trainyard._pagination import listing


def test_a_submitted_job_is_queued_and_shows_what_was_sent(submit):
    job = submit(name="first", labels={"team": "risk"})
    assert (job.status, job.name, job.record.labels) == ("queued", "first", {"team": "risk"})
    assert job.record.spec["data"] == {"dataset": "digits"}
    assert "optimizer" in job.record.resolved_spec


def test_a_spec_may_be_the_path_of_a_json_file(client, tmp_path, pool):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({"data": {"dataset": "iris"}, "resources": {"pool": pool}}))
    assert client.jobs.submit(path).record.spec["data"]["dataset"] == "iris"
    assert client.jobs.submit(str(path)).status == "queued"


@pytest.mark.parametrize(("content", "words"), [("[]", "no JSON object"), ("{", "no JSON"), (None, "No such file")])
def test_a_file_that_holds_no_spec_is_refused_before_anything_is_sent(client, tmp_path, content, words):
    path = tmp_path / "spec.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=words):
        client.jobs.submit(path)


def test_a_mistake_in_a_spec_is_raised_with_its_place(client):
    with pytest.raises(Unprocessable) as caught:
        client.jobs.submit({"data": {"dataset": "digits"}, "optimizer": {"type": "adam", "learning_rate": "fast"}})
    error = caught.value
    assert error.code == "invalid_spec"
    assert [mistake.pointer for mistake in error.errors] == ["#/optimizer/learning_rate"]
    assert error.request_id
    assert "#/optimizer/learning_rate" in str(error)


def test_the_same_idempotency_key_makes_one_job(client, pool):
    spec = {"data": {"dataset": "digits"}, "resources": {"pool": pool}}
    first, second = (client.jobs.submit(spec, idempotency_key=pool) for _ in range(2))
    assert first.id == second.id
    assert client.jobs.submit(spec).id != first.id
    with pytest.raises(ConfigurationError, match="visible ASCII"):
        client.jobs.submit(spec, idempotency_key="schlüssel")


def test_an_answer_lost_on_the_way_makes_no_second_job(wired, cable, submit, client, pool):
    cable.cut_after(10, of="answers")
    job = submit(via=wired)
    assert [found.id for found in client.jobs.list(pool=pool)] == [job.id]
    assert cable.num_connections == 2


def test_a_dry_run_stores_nothing_and_shows_every_default(client, pool):
    answer = client.jobs.dry_run({"data": {"dataset": "digits"}, "resources": {"pool": pool}})
    assert "optimizer" in answer["resolved_spec"]
    assert list(client.jobs.list(pool=pool)) == []


def test_a_list_goes_on_over_pages_newest_first(client, submit, pool):
    ids = [submit().id for _ in range(5)]
    assert [job.id for job in client.jobs.list(pool=pool)] == ids[::-1]
    assert [job.id for job in client.jobs.list(pool=pool, limit=2)] == ids[:-3:-1]


def test_a_list_fetches_the_next_page_only_when_it_is_needed(client, api, submit, pool):
    ids = [submit().id for _ in range(3)]
    found = listing(client._transport, "/v1/jobs", params={"pool": pool}, limit=None)
    assert next(found)["id"] == ids[-1]
    newest = submit().id
    assert newest not in [document["id"] for document in found]


def test_a_list_is_narrowed_by_status_name_label_and_time(client, submit, pool):
    plain, named = submit(), submit(name="this one", labels={"team": "risk"})
    plain.cancel()
    hour = timedelta(hours=1)
    now = datetime.now(UTC)

    def found(**filters: object) -> list[str]:
        return [job.id for job in client.jobs.list(pool=pool, **filters)]

    assert found(status="cancelled") == [plain.id]
    assert found(status=["cancelled", "queued"]) == [named.id, plain.id]
    assert found(name="this one") == [named.id]
    assert found(label={"team": "risk"}) == [named.id]
    assert found(created_after=now - hour, created_before=now + hour) == [named.id, plain.id]
    assert found(created_after=now + hour) == []


def test_a_job_that_is_not_there_is_raised_as_such(client):
    with pytest.raises(NotFound) as caught:
        client.jobs.get("job_00000000-0000-7000-8000-000000000000")
    assert (caught.value.status, caught.value.code) == (404, "not_found")


def test_waiting_returns_the_ended_job_with_its_result(submit, claim):
    job = submit()
    trainer = claim()
    threading.Timer(0.2, trainer.succeed).start()
    assert job.wait(timeout=20) is job
    assert job.status == "succeeded"
    assert job.is_terminal
    assert job.result.test == {"accuracy": 0.97, "loss": 0.11}
    assert job.result.best.metric == "validation/loss"
    assert job.result.baselines[0].name == "majority"
    assert [transition.status for transition in job.record.history] == ["queued", "running", "succeeded"]
    assert job.record.attempts[0].device == "cpu"
    assert job.raise_for_status() is job


def test_waiting_gives_up_in_time_and_leaves_the_job_alone(submit):
    job = submit()
    started = time.monotonic()
    with pytest.raises(WaitTimeout, match=r"still queued after 1\.2 s") as caught:
        job.wait(timeout=1.2)
    assert 1.0 < time.monotonic() - started < 25.0
    assert isinstance(caught.value, TimeoutError)
    assert job.refresh().status == "queued"


def test_waiting_survives_a_network_that_is_cut(submit, claim, wired, cable):
    job = submit(via=wired)
    trainer = claim()
    threading.Timer(0.3, cable.cut).start()
    threading.Timer(0.8, trainer.succeed).start()
    assert job.wait(timeout=20).status == "succeeded"
    assert cable.num_connections >= 2


def test_a_failed_job_raises_its_reason_when_asked(submit, claim):
    job = submit()
    claim().fail()
    assert job.wait(timeout=10).status == "failed"
    with pytest.raises(JobFailed) as caught:
        job.raise_for_status()
    assert (caught.value.code, caught.value.param) == ("diverged", "optimizer/learning_rate")
    assert caught.value.job_id == job.id
    assert job.result is None


def test_a_cancelled_job_raises_when_asked(submit):
    job = submit().cancel()
    assert job.status == "cancelled"
    with pytest.raises(JobCancelled):
        job.raise_for_status()


def test_a_job_is_paused_resumed_and_retried(submit, claim):
    job = submit()
    assert job.pause().status == "paused"
    assert job.resume().status == "queued"
    claim().fail()
    assert job.refresh().retry().status == "queued"
    claim().fail()
    assert job.refresh().retry(from_scratch=True).status == "queued"


def test_stopping_asks_a_running_job_to_end_well(submit, claim):
    job = submit()
    claim()
    assert job.stop().status == "running"
    assert "job.stopping" in [event.type for event in job.past_events()]


def test_an_order_that_comes_too_late_is_a_conflict(submit, claim):
    job = submit()
    claim().succeed()
    with pytest.raises(Conflict) as caught:
        job.cancel()
    assert caught.value.status == 409


def test_name_labels_and_priority_can_be_changed(submit):
    job = submit(labels={"team": "risk", "draft": "yes"})
    assert job.update(name="better", labels={"draft": None}).name == "better"
    assert job.record.labels == {"team": "risk"}
    with pytest.raises(Unprocessable):
        job.update(status="succeeded")


def test_an_ended_job_is_deleted_and_a_living_one_is_not(client, submit):
    job = submit()
    with pytest.raises(Conflict):
        job.delete()
    job.cancel().delete()
    with pytest.raises(NotFound):
        client.jobs.get(job.id)


def test_a_job_says_what_it_is(submit):
    job = submit()
    assert repr(job) == f"<Job {job.id} queued>"
    assert isinstance(job, Job)
    assert job.phase == "waiting"
    assert job.progress.fraction == 0.0
    assert job.record.queue.reason == "no_worker"
