"""A POST that is sent again under the same key is answered again, and done once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import Connect
from tests.api.steps import SPEC, problem

KEY = {"Idempotency-Key": '"one"'}


def test_the_same_request_gets_the_same_answer(either_client: TestClient):
    first, second = (either_client.post("/v1/jobs", json=SPEC, headers=KEY) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"]
    assert first.headers["etag"] == second.headers["etag"]
    assert ("idempotency-replayed" in first.headers, second.headers["idempotency-replayed"]) == (False, "true")
    assert len(either_client.get("/v1/jobs").json()["data"]) == 1


def test_the_order_of_fields_does_not_make_another_request(client: TestClient):
    first = client.post("/v1/jobs", json=SPEC, headers=KEY)
    second = client.post("/v1/jobs", json=dict(reversed(SPEC.items())), headers=KEY)
    assert first.json()["id"] == second.json()["id"]


def test_another_body_under_the_same_key_is_refused(either_client: TestClient):
    either_client.post("/v1/jobs", json=SPEC, headers=KEY)
    problem(either_client.post("/v1/jobs", json={**SPEC, "seed": 1}, headers=KEY), 422, "idempotency_key_reused")
    assert len(either_client.get("/v1/jobs").json()["data"]) == 1


def test_a_key_belongs_to_one_project_and_one_operation(connect: Connect, client: TestClient):
    declaration = {"name": "x", "format": "csv", "bytes": 1}
    assert client.post("/v1/jobs", json=SPEC, headers=KEY).status_code == 201
    assert client.post("/v1/datasets", json=declaration, headers=KEY).status_code == 201
    assert connect("admin", project="other").post("/v1/jobs", json={**SPEC, "seed": 1}, headers=KEY).status_code == 201


def test_an_error_is_not_remembered(client: TestClient):
    problem(client.post("/v1/jobs", json={**SPEC, "zzz": 1}, headers=KEY), 422, "invalid_spec")
    assert client.post("/v1/jobs", json=SPEC, headers=KEY).status_code == 201


def test_datasets_are_declared_once_too(client: TestClient):
    declaration = {"name": "x", "format": "csv", "bytes": 1}
    first, second = (client.post("/v1/datasets", json=declaration, headers=KEY) for _ in range(2))
    assert first.content == second.content
    assert len(client.get("/v1/datasets").json()["data"]) == 1


def test_a_dry_run_leaves_the_key_free(client: TestClient):
    assert client.post("/v1/jobs?dry_run=schema", json=SPEC, headers=KEY).status_code == 200
    assert client.post("/v1/jobs", json=SPEC, headers=KEY).status_code == 201


def test_an_answer_outlives_its_job(client: TestClient):
    created = client.post("/v1/jobs", json=SPEC, headers=KEY)
    client.post(f"/v1/jobs/{created.json()['id']}/cancel")
    client.delete(f"/v1/jobs/{created.json()['id']}")
    assert client.post("/v1/jobs", json=SPEC, headers=KEY).content == created.content


@pytest.mark.parametrize("key", ['""', '"' + "x" * 300 + '"', '"half', "a b", "", '"ä"', '"\x7f"'])
def test_a_malformed_key_is_refused(client: TestClient, key: str):
    answer = client.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": key.encode("latin-1")})
    problem(answer, 400, "invalid_idempotency_key")


def test_a_bare_word_is_taken_as_it_is(client: TestClient):
    quoted = client.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": '"word"'})
    bare = client.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": "word"})
    assert quoted.json()["id"] == bare.json()["id"]


def test_two_hundred_identical_requests_at_once_make_one_job(either_client: TestClient):
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: either_client.post("/v1/jobs", json=SPEC, headers=KEY), range(200)))
    listed = either_client.get("/v1/jobs").json()["data"]
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["id"] for answer in answers} == {listed[0]["id"]}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(listed) == 1
