"""Webhooks: every event arrives, once by its id and in the order of its job, signed; or it is said why it did not."""

import json
import random

import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook as Verifier
from starlette.testclient import TestClient

from models import jobs
from models.database import Database
from models.tables import webhook_deliveries
from tests.api.hooks import arrive, delivered, finish, make
from tests.api.steps import problem, submit
from tests.fixtures.receivers import Receiver
from tests.fixtures.waiting import wait_for


@pytest.fixture
def api(webhooks_api: TestClient) -> TestClient:
    return webhooks_api


def test_the_events_of_a_job_arrive_signed_and_in_order(api: TestClient, database: Database, receiver: Receiver):
    webhook = make(api, receiver)
    job = submit(api, name="mine")
    finish(database)
    bodies = arrive(receiver, 3)
    assert [body["type"] for body in bodies] == ["job.queued", "job.running", "job.succeeded"]
    assert [body["data"]["seq"] for body in bodies] == [1, 2, 3]
    assert {(body["data"]["job_id"], body["data"]["job_name"]) for body in bodies} == {(job["id"], "mine")}
    for request, event in zip(receiver.taken, api.get(f"/v1/jobs/{job['id']}/events").json()["data"], strict=True):
        assert Verifier(webhook["secret"]).verify(request.body, request.headers) == json.loads(request.body)
        assert request.headers["webhook-id"] == event["id"]
        assert request.headers["content-type"] == "application/json"


def test_a_foreign_secret_does_not_verify(api: TestClient, receiver: Receiver):
    make(api, receiver)
    other = make(api, receiver, events=["job.failed"])
    submit(api)
    arrive(receiver, 1)
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(other["secret"]).verify(receiver.taken[0].body, receiver.taken[0].headers)


def test_only_the_types_asked_for_arrive(api: TestClient, database: Database, receiver: Receiver):
    webhook = make(api, receiver, events=["job.succeeded", "job.failed"])
    submit(api)
    finish(database)
    assert [body["type"] for body in arrive(receiver, 1)] == ["job.succeeded"]
    assert len(delivered(api, webhook, status=None)) == 1


def test_a_receiver_that_fails_a_third_of_the_time_gets_every_event_once_and_in_order(
    api: TestClient, database: Database, receiver: Receiver
):
    dice = random.Random(3)
    receiver.answer = lambda _: (500, {}) if dice.random() < 0.3 else (200, {})
    make(api, receiver)
    identifiers = [submit(api)["id"] for _ in range(12)]
    for _ in identifiers:
        finish(database)
    arrive(receiver, 36)
    taken = [(request.headers["webhook-id"], json.loads(request.body)["data"]) for request in receiver.taken]
    assert len({identifier for identifier, _ in taken}) == len(taken) == 36
    for identifier in identifiers:
        assert [data["seq"] for _, data in taken if data["job_id"] == identifier] == [1, 2, 3]
    assert len(receiver.requests) > 36


def test_an_event_has_one_id_and_each_attempt_a_time_of_its_own(api: TestClient, receiver: Receiver):
    receiver.answer = lambda _: (500, {}) if len(receiver.requests) < 3 else (200, {})
    webhook = make(api, receiver)
    submit(api)
    arrive(receiver, 1)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    for request in receiver.requests:
        Verifier(webhook["secret"]).verify(request.body, request.headers)
    (delivery,) = wait_for(lambda: delivered(api, webhook), "the note that it was delivered")
    assert (delivery["attempts"], delivery["response_status"], delivery["error"]) == (3, 200, None)


def test_an_endpoint_that_is_gone_is_disabled_and_owed_nothing_more(
    api: TestClient, database: Database, receiver: Receiver
):
    receiver.answer = lambda _: (410, {})
    webhook = make(api, receiver)
    submit(api)
    path = f"/v1/webhooks/{webhook['id']}"
    wait_for(lambda: not api.get(path).json()["enabled"], "the endpoint to be disabled")
    assert api.get(path).json()["disabled_reason"] == "gone"
    finish(database)
    assert {delivery["status"] for delivery in delivered(api, webhook, status=None)} == {"failed"}
    assert len(receiver.requests) == 1


def test_an_endpoint_that_never_answers_well_is_disabled_when_the_schedule_is_used_up(
    api: TestClient, receiver: Receiver
):
    receiver.answer = lambda _: (500, {})
    webhook = make(api, receiver)
    submit(api)
    path = f"/v1/webhooks/{webhook['id']}"
    wait_for(lambda: not api.get(path).json()["enabled"], "the endpoint to be disabled")
    assert api.get(path).json()["disabled_reason"] == "failing"
    (delivery,) = delivered(api, webhook, status="failed")
    assert (delivery["attempts"], delivery["error"]) == (13, "answered 500")


def test_an_endpoint_that_asks_for_time_gets_it(api: TestClient, database: Database, receiver: Receiver):
    receiver.answer = lambda _: (503, {"Retry-After": "3600"})
    webhook = make(api, receiver)
    submit(api)
    wait_for(lambda: [one for one in delivered(api, webhook, status="pending") if one["error"]], "the refusal")
    with database.reading() as connection:
        row = connection.execute(select(webhook_deliveries)).one()
    assert row.due_at - row.sent_at > 3500
    assert len(receiver.requests) == 1


def test_enabling_again_owes_what_happens_from_then_on(api: TestClient, database: Database, receiver: Receiver):
    webhook = make(api, receiver)
    path = f"/v1/webhooks/{webhook['id']}"
    assert api.patch(path, json={"enabled": False}).json()["disabled_reason"] == "asked"
    submit(api)
    assert api.patch(path, json={"enabled": True}).json()["disabled_reason"] is None
    finish(database)
    assert [body["type"] for body in arrive(receiver, 2)] == ["job.running", "job.succeeded"]


def test_after_a_rotation_both_secrets_verify(api: TestClient, receiver: Receiver):
    webhook = make(api, receiver)
    rotated = api.post(f"/v1/webhooks/{webhook['id']}/rotate").json()
    assert rotated["secret"] != webhook["secret"]
    submit(api)
    arrive(receiver, 1)
    request = receiver.taken[0]
    assert len(request.headers["webhook-signature"].split()) == 2
    for secret in (webhook["secret"], rotated["secret"]):
        Verifier(secret).verify(request.body, request.headers)


def test_a_cloud_event_has_what_the_standard_asks_for(api: TestClient, receiver: Receiver):
    make(api, receiver, format="cloudevents")
    job = submit(api)
    (event,) = arrive(receiver, 1)
    assert event["specversion"] == "1.0"
    assert event["id"] == receiver.taken[0].headers["webhook-id"]
    assert (event["type"], event["source"], event["subject"]) == ("io.trainyard.job.queued", "/v1/jobs", job["id"])
    assert receiver.taken[0].headers["content-type"] == "application/cloudevents+json"


def test_a_test_event_arrives(api: TestClient, receiver: Receiver):
    webhook = make(api, receiver, events=["job.failed"])
    owed = api.post(f"/v1/webhooks/{webhook['id']}/test")
    assert (owed.status_code, owed.json()["type"]) == (202, "webhook.test")
    assert arrive(receiver, 1)[0]["type"] == "webhook.test"


def test_an_event_can_be_sent_again(api: TestClient, receiver: Receiver):
    webhook = make(api, receiver)
    submit(api)
    arrive(receiver, 1)
    (delivery,) = wait_for(lambda: delivered(api, webhook), "the note that it was delivered")
    path = f"/v1/webhooks/{webhook['id']}/deliveries"
    assert api.post(f"{path}/{delivery['id']}/redeliver").status_code == 202
    arrive(receiver, 2)
    assert len({request.headers["webhook-id"] for request in receiver.taken}) == 1
    problem(api.post(f"{path}/evt_none/redeliver"), 404, "not_found")


def test_deleting_a_job_loses_no_delivery(api: TestClient, database: Database, receiver: Receiver):
    receiver.answer = lambda _: (503, {"Retry-After": "3600"})
    webhook = make(api, receiver, events=["job.succeeded"])
    job = submit(api)
    finish(database)
    wait_for(lambda: receiver.requests, "the first attempt")
    assert api.delete(f"/v1/jobs/{job['id']}").status_code == 204
    receiver.answer = lambda _: (200, {})
    with database.unit_of_work() as connection:
        connection.execute(update(webhook_deliveries).values(due_at=0.0))
    assert arrive(receiver, 1)[0]["data"]["job_id"] == job["id"]
    assert wait_for(lambda: delivered(api, webhook), "the note that it was delivered")


def test_a_delivery_is_part_of_the_transaction_of_its_event(database: Database, api: TestClient, receiver: Receiver):
    receiver.answer = lambda _: (503, {"Retry-After": "3600"})
    make(api, receiver)
    with pytest.raises(ZeroDivisionError), database.unit_of_work() as connection:
        jobs.submit(
            connection,
            project="default",
            sent={},
            resolved={"resources": {"pool": "x"}, "priority": 0, "labels": {}, "name": None},
        )
        assert connection.execute(select(webhook_deliveries)).all()
        raise ZeroDivisionError
    with database.reading() as connection:
        assert connection.execute(select(webhook_deliveries)).all() == []
