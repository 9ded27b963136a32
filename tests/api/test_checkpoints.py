"""Checkpoints over HTTP: found by any of their names, downloaded whole or in parts, with a digest."""

import base64
import hashlib
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from models.database import Database
from models.settings import Settings
from tests.api.steps import CONTENT, problem, running, save_checkpoint, submit

DIGEST = hashlib.sha256(CONTENT)
SIZE = len(CONTENT)


@pytest.fixture
def path(client: TestClient, database: Database, settings: Settings) -> str:
    """The address of a job with checkpoints at the steps 10 and 20, of which the first is the best."""
    job_id, lease = running(client, database)
    save_checkpoint(database, lease, Path(settings.artifacts), step=10)
    save_checkpoint(database, lease, Path(settings.artifacts), step=20, is_best=False)
    return f"/v1/jobs/{job_id}/checkpoints"


def test_checkpoints_are_listed_with_their_files(client: TestClient, path: str):
    latest, best = client.get(path).json()["data"]
    assert (latest["step"], latest["kinds"]) == (20, ["latest"])
    assert (best["step"], best["kinds"], best["metrics"]) == (10, ["best"], {"validation/loss": 0.5})
    assert best["files"] == [{"name": "weights.safetensors", "bytes": SIZE, "sha256": DIGEST.hexdigest()}]
    assert best["bytes"] == SIZE


def test_a_job_without_checkpoints_has_an_empty_list(client: TestClient):
    assert client.get(f"/v1/jobs/{submit(client)['id']}/checkpoints").json() == {"data": []}


def test_a_checkpoint_answers_to_id_step_and_kind(client: TestClient, path: str):
    latest, best = client.get(path).json()["data"]
    for ref, step in [("best", 10), ("latest", 20), ("10", 10), (best["id"], 10), (latest["id"], 20)]:
        found = client.get(f"{path}/{ref}")
        assert found.json()["step"] == step, ref
        unchanged = client.get(f"{path}/{ref}", headers={"If-None-Match": found.headers["etag"]})
        assert unchanged.status_code == 304
    for ref in ("final", "30", "worst", "ckpt_x", "-10"):
        assert "10" in problem(client.get(f"{path}/{ref}"), 404, "not_found")["detail"]


def test_a_file_comes_whole_as_an_attachment_with_its_digest(client: TestClient, path: str):
    answer = client.get(f"{path}/best/files/weights.safetensors")
    assert answer.content == CONTENT
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="weights.safetensors"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(DIGEST.digest()).decode()}:"
    assert answer.headers["etag"] == f'"{DIGEST.hexdigest()}"'


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=10-19", 10, 19),
        ("bytes=0-0", 0, 0),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=1000-", 1000, SIZE - 1),
        ("bytes=-5", SIZE - 5, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
        ("bytes=1020-999999", 1020, SIZE - 1),
        ("Bytes = 10-19", 10, 19),
    ],
)
def test_one_range_of_a_file_comes_alone(client: TestClient, path: str, header: str, first: int, last: int):
    answer = client.get(f"{path}/best/files/weights.safetensors", headers={"Range": header})
    assert answer.status_code == 206
    assert answer.content == CONTENT[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.headers["repr-digest"].startswith("sha-256=:")


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_outside_of_the_file_is_refused_with_its_size(client: TestClient, path: str, header: str):
    answer = client.get(f"{path}/best/files/weights.safetensors", headers={"Range": header})
    problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "header", ["bytes=0-1,3-4", "bytes=", "bytes=-", "bytes=b-a", "bytes=9-5", "rows=0-5", "0-5", "bytes=0-" + "9" * 40]
)
def test_what_is_no_single_range_gets_the_whole_file(client: TestClient, path: str, header: str):
    answer = client.get(f"{path}/best/files/weights.safetensors", headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_a_range_of_another_version_gets_the_whole_file(client: TestClient, path: str):
    address = f"{path}/best/files/weights.safetensors"
    tag = f'"{DIGEST.hexdigest()}"'
    assert client.get(address, headers={"Range": "bytes=0-1", "If-Range": tag}).status_code == 206
    assert client.get(address, headers={"Range": "bytes=0-1", "If-Range": '"old"'}).status_code == 200
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("name", ["nothing", "%2e%2e%2fstate.json", "weights.safetensors%00", ".hidden", "a%5cb"])
def test_only_files_on_record_are_served(client: TestClient, path: str, name: str):
    assert client.get(f"{path}/best/files/{name}").status_code in {400, 404}


def test_a_file_that_is_gone_is_a_404(client: TestClient, path: str, settings: Settings):
    for file in Path(settings.artifacts).rglob("weights.safetensors"):
        file.unlink()
    problem(client.get(f"{path}/best/files/weights.safetensors"), 404, "not_found")


def test_a_download_is_shorter_than_the_file_only_by_an_error(client: TestClient, path: str, settings: Settings):
    for file in Path(settings.artifacts).rglob("weights.safetensors"):
        file.write_bytes(CONTENT[:100])
    problem(client.get(f"{path}/best/files/weights.safetensors"), 404, "artifact_damaged")
