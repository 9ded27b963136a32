"""Jobs over HTTP: submitted, listed by filter and cursor, read with tags, changed, deleted."""

from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from models.database import Database
from models.settings import Settings
from tests.api.conftest import Connect
from tests.api.steps import SPEC, finish, pointers, problem, running, save_checkpoint, submit


def test_a_submitted_job_is_shown_whole(either_client: TestClient):
    answer = either_client.post("/v1/jobs", json={**SPEC, "name": "flowers", "labels": {"team": "risk"}, "priority": 2})
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["status"], job["phase"], job["name"]) == ("queued", "waiting", "flowers")
    assert (job["labels"], job["priority"], job["project"]) == ({"team": "risk"}, 2, "default")
    assert job["spec"] == {**SPEC, "name": "flowers", "labels": {"team": "risk"}, "priority": 2}
    assert job["resolved_spec"]["optimizer"]["type"] == "adamw"
    assert [entry["status"] for entry in job["history"]] == ["queued"]
    assert job["queue"]["reason"] == "no_worker"
    assert either_client.get(answer.headers["location"]).json() == job


def test_the_tag_of_the_answer_to_a_submission_is_the_jobs_tag(client: TestClient):
    answer = client.post("/v1/jobs", json=SPEC)
    again = client.get(answer.headers["location"], headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("level", ["schema", "data"])
def test_a_dry_run_resolves_everything_and_stores_nothing(client: TestClient, level: str):
    answer = client.post(f"/v1/jobs?dry_run={level}", json=SPEC)
    assert answer.status_code == 200
    assert answer.json()["resolved_spec"]["task"] == "classification"
    assert client.get("/v1/jobs").json()["data"] == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"netwrok": "mlp"}, "#/netwrok"),
        ({"optimizer": {"type": "adam", "learning_rate": "fast"}}, "#/optimizer/learning_rate"),
        ({"priority": "3"}, "#/priority"),
        ({"priority": True}, "#/priority"),
        ({"network": "perceptron"}, "#/network"),
        ({"labels": {"a b": "c"}}, "#/labels/a b"),
        ({"data": {"dataset": "no_such_sample"}}, "#/data/dataset"),
        ({"data": {"dataset": "ds_00000000-0000-7000-8000-000000000000"}}, "#/data/dataset"),
        ({"data": {"dataset": "../../etc/passwd"}}, "#/data/dataset"),
        ({"data": {"dataset": "iris", "target": "petals"}}, "#/data/target"),
        ({"data": {}}, "#/data/dataset"),
        ({"data": "iris"}, "#/data"),
        ({"id": "job_1"}, "#/id"),
        ({"status": "succeeded"}, "#/status"),
        ({"project": "other"}, "#/project"),
    ],
)
def test_a_mistake_in_a_spec_is_pointed_at_and_nothing_is_stored(client: TestClient, change: dict, pointer: str):
    body = problem(client.post("/v1/jobs", json={**SPEC, **change}), 422, "invalid_spec")
    assert pointer in pointers(body)
    assert client.get("/v1/jobs").json()["data"] == []


def test_every_mistake_is_told_at_once(client: TestClient):
    body = problem(client.post("/v1/jobs", json={**SPEC, "seed": "x", "priority": "y", "zzz": 1}), 422, "invalid_spec")
    assert {"#/seed", "#/priority", "#/zzz"} <= set(pointers(body))


@pytest.mark.parametrize("content", [b"[]", b'"iris"', b"null", b"3"])
def test_a_body_that_is_no_object_is_refused(client: TestClient, content: bytes):
    headers = {"Content-Type": "application/json"}
    problem(client.post("/v1/jobs", content=content, headers=headers), 422, "unprocessable")


@pytest.mark.parametrize("content", [b"", b"{", b'{"data": {"dataset": "iris"}, "priority": NaN}', b'{"a":1,"a":1}'])
def test_a_body_that_is_no_strict_json_is_refused(client: TestClient, content: bytes):
    problem(client.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"}), 400, "invalid_json")


def test_pages_lead_from_new_to_old_without_a_gap_or_a_repetition(either_client: TestClient):
    submitted = [submit(either_client, labels={"n": str(number)})["id"] for number in range(5)]
    seen, path = [], "/v1/jobs?limit=2"
    while path:
        answer = either_client.get(path)
        page = answer.json()
        seen += [job["id"] for job in page["data"]]
        link = answer.headers.get("link")
        assert (link is None) == (page["next_cursor"] is None)
        if link:
            assert link.endswith('; rel="next"')
            assert quote(page["next_cursor"]) in link
        path = link.partition(">")[0].removeprefix("<") if link else None
    assert seen == submitted[::-1]


def test_lists_are_narrowed_before_they_are_cut(either_client: TestClient):
    for number in range(6):
        submit(either_client, name=f"n{number % 2}", labels={"odd": str(number % 2), "team": "a"})
    first = either_client.get("/v1/jobs?label.odd=1&label.team=a&name=n1&limit=2").json()
    rest = either_client.get(
        f"/v1/jobs?label.odd=1&label.team=a&name=n1&limit=2&cursor={first['next_cursor']}",
    ).json()
    found = [*first["data"], *rest["data"]]
    assert [len(first["data"]), len(rest["data"]), rest["next_cursor"]] == [2, 1, None]
    assert {(job["name"], job["labels"]["odd"]) for job in found} == {("n1", "1")}
    assert either_client.get("/v1/jobs?label.odd=2").json()["data"] == []


def test_lists_are_narrowed_by_status_pool_and_time(client: TestClient):
    old = submit(client)
    other = submit(client, resources={"pool": "gpu"})
    client.post(f"/v1/jobs/{old['id']}/cancel")
    at = quote(other["created_at"])

    def found(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs?{query}").json()["data"]]

    assert found("status=cancelled") == [old["id"]]
    assert found("status=cancelled&status=queued") == [other["id"], old["id"]]
    assert found("pool=gpu") == [other["id"]]
    assert found(f"created_before={at}") == [old["id"]]
    assert found(f"created_after={quote(old['created_at'])}") == [other["id"]]


@pytest.mark.parametrize("query", ["status=failed", "label.a=b", "name=x", "pool=gpu", ""])
def test_a_cursor_of_another_filter_is_refused(client: TestClient, query: str):
    for _ in range(2):
        submit(client, labels={"from": "here"})
    cursor = client.get("/v1/jobs?label.from=here&limit=1").json()["next_cursor"]
    problem(client.get(f"/v1/jobs?{query}&cursor={cursor}"), 400, "invalid_cursor")


def test_a_cursor_is_no_use_to_another_project_or_list(connect: Connect, client: TestClient):
    for _ in range(2):
        submit(client)
    cursor = client.get("/v1/jobs?limit=1").json()["next_cursor"]
    problem(connect("admin", project="other").get(f"/v1/jobs?cursor={cursor}"), 400, "invalid_cursor")
    problem(client.get(f"/v1/datasets?cursor={cursor}"), 400, "invalid_cursor")


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%20", "ä", "eyJ9", "A" * 500])
def test_a_cursor_that_was_made_up_is_refused(client: TestClient, cursor: str):
    problem(client.get(f"/v1/jobs?cursor={cursor}"), 400, "invalid_cursor")


def test_one_changed_letter_spoils_a_cursor(client: TestClient):
    for _ in range(2):
        submit(client)
    cursor = client.get("/v1/jobs?limit=1").json()["next_cursor"]
    for position in range(0, len(cursor) - 1, 7):
        letter = "A" if cursor[position] != "A" else "B"
        spoiled = cursor[:position] + letter + cursor[position + 1 :]
        problem(client.get(f"/v1/jobs?cursor={spoiled}"), 400, "invalid_cursor")


def test_a_job_that_is_not_there_is_a_404(client: TestClient):
    for name in ("job_00000000-0000-7000-8000-000000000000", "job_x", "x", "job_" + "0" * 500, "..", "%2e%2e%2f"):
        assert client.get(f"/v1/jobs/{name}").status_code == 404


def test_the_tag_changes_with_every_visible_change(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    tags = [client.get(f"/v1/jobs/{job_id}").headers["etag"]]
    client.patch(f"/v1/jobs/{job_id}", json={"name": "new"})
    tags.append(client.get(f"/v1/jobs/{job_id}").headers["etag"])
    finish(database, lease)
    tags.append(client.get(f"/v1/jobs/{job_id}").headers["etag"])
    assert len(set(tags)) == 3
    answer = client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": f'"other", W/{tags[-1]}'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tags[-1])
    assert client.get(f"/v1/jobs/{job_id}").json()["etag"] == tags[-1]


@pytest.mark.parametrize("header", ["abc", '"abc', '"a" "b', "W/", '"a", b'])
def test_a_malformed_condition_is_refused(client: TestClient, header: str):
    job = submit(client)
    problem(client.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": header}), 400, "bad_request")
    problem(client.patch(f"/v1/jobs/{job['id']}", json={}, headers={"If-Match": header}), 400, "bad_request")


def test_labels_are_merged_and_null_takes_one_away(either_client: TestClient):
    job = submit(either_client, labels={"a": "1", "b": "2"})
    changed = either_client.patch(
        f"/v1/jobs/{job['id']}", json={"name": "renamed", "priority": 7, "labels": {"b": None, "c": "3"}}
    ).json()
    assert (changed["name"], changed["priority"], changed["labels"]) == ("renamed", 7, {"a": "1", "c": "3"})
    assert [found["id"] for found in either_client.get("/v1/jobs?label.c=3").json()["data"]] == [job["id"]]
    assert either_client.get("/v1/jobs?label.b=2").json()["data"] == []


def test_a_change_of_nothing_changes_nothing(client: TestClient):
    job = submit(client)
    assert client.patch(f"/v1/jobs/{job['id']}", json={}).json() == job


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"status": "succeeded"}, "#/status"),
        ({"priority": "1"}, "#/priority"),
        ({"priority": 1001}, "#/priority"),
        ({"name": 3}, "#/name"),
        ({"name": "a\nb"}, "#/name"),
        ({"name": "x" * 201}, "#/name"),
        ({"labels": ["a"]}, "#/labels"),
        ({"labels": {"a": 1}}, "#/labels/a"),
        ({"labels": {f"k{n}": "v" for n in range(65)}}, "#/labels"),
    ],
)
def test_a_change_that_is_not_allowed_is_pointed_at(client: TestClient, changes: dict, pointer: str):
    job = submit(client)
    body = problem(client.patch(f"/v1/jobs/{job['id']}", json=changes), 422, "invalid_body")
    assert pointers(body) == [pointer]
    assert client.get(f"/v1/jobs/{job['id']}").json() == job


def test_labels_cannot_grow_without_end_by_small_changes(client: TestClient):
    job = submit(client, labels={f"k{n}": "v" for n in range(64)})
    body = problem(client.patch(f"/v1/jobs/{job['id']}", json={"labels": {"one": "more"}}), 422, "invalid_body")
    assert pointers(body) == ["#/labels"]


def test_a_change_against_an_old_tag_is_refused(client: TestClient):
    job = submit(client)
    first = client.patch(f"/v1/jobs/{job['id']}", json={"name": "a"}, headers={"If-Match": job["etag"]})
    second = client.patch(f"/v1/jobs/{job['id']}", json={"name": "b"}, headers={"If-Match": job["etag"]})
    assert first.status_code == 200
    problem(second, 412, "precondition_failed")
    problem(client.delete(f"/v1/jobs/{job['id']}", headers={"If-Match": job["etag"]}), 412, "precondition_failed")
    assert client.get(f"/v1/jobs/{job['id']}").json()["name"] == "a"


def test_only_a_job_that_is_over_can_be_deleted_and_its_files_go_with_it(
    client: TestClient, database: Database, settings: Settings
):
    job_id, lease = running(client, database)
    save_checkpoint(database, lease, Path(settings.artifacts))
    folder = Path(settings.artifacts) / "jobs" / job_id
    assert problem(client.delete(f"/v1/jobs/{job_id}"), 409, "job_not_finished")["job_status"] == "running"
    assert folder.exists()
    finish(database, lease)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    problem(client.get(f"/v1/jobs/{job_id}"), 404, "not_found")
    problem(client.delete(f"/v1/jobs/{job_id}"), 404, "not_found")
    assert not folder.exists()


def test_a_tracker_that_the_operator_does_not_allow_is_refused_with_its_place(client):
    tracking = {"mlflow": {"tracking_uri": "http://169.254.169.254"}}
    body = problem(client.post("/v1/jobs", json={**SPEC, "tracking": tracking}), 422, "invalid_spec")
    assert pointers(body) == ["#/tracking/mlflow/tracking_uri"]
