"""Steps of tests about webhooks: make an endpoint, end a job, wait for what arrives."""

import json

from starlette.testclient import TestClient

from models.database import Database
from models.status import Outcome
from tests.fixtures.receivers import Receiver
from tests.fixtures.waiting import wait_for
from tests.models.steps import claim, end


def make(api: TestClient, receiver: Receiver, **fields: object) -> dict:
    answer = api.post("/v1/webhooks", json={"url": receiver.url, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def finish(database: Database) -> None:
    claimed = claim(database)
    assert claimed is not None
    end(database, claimed.lease, Outcome.SUCCEEDED, result={})


def delivered(api: TestClient, webhook: dict, *, status: str | None = "delivered") -> list[dict]:
    params = {} if status is None else {"status": status}
    return api.get(f"/v1/webhooks/{webhook['id']}/deliveries", params={**params, "limit": 200}).json()["data"]


def arrive(receiver: Receiver, number: int) -> list[dict]:
    wait_for(lambda: len(receiver.taken) >= number, f"{number} deliveries")
    return [json.loads(request.body) for request in receiver.taken]
