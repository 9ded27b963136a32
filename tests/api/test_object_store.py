"""The API on an object store: uploads go there, downloads come from there or point there, and its outages are 503."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

import trainyard
from api.main import create_app
from models.artifacts import store_of
from models.database import Database
from models.settings import Settings
from tests.api.conftest import _connecting, make_key, serving
from tests.api.steps import CONTENT, finish, problem, running, save_checkpoint
from tests.fixtures.object_store import ACCESS_KEY, REFUSAL, SECRET_KEY, Bucket
from tests.fixtures.waiting import wait_for

TABLE = b"a,b\n1,2\n3,4\n"
BINARY = {"Content-Type": "application/octet-stream"}
OpenClient = Callable[..., TestClient]


@pytest.fixture
def on_bucket(settings: Settings, bucket: Bucket) -> Settings:
    return settings.model_copy(update={"artifacts_url": SecretStr(bucket.url)})


@pytest.fixture
def client_of(database: Database, on_bucket: Settings) -> Iterator[OpenClient]:
    """Opens a client of a service on the bucket: `client_of(downloads="redirect")`."""
    with ExitStack() as stack:

        def opened(**fields: Any) -> TestClient:
            app = create_app(on_bucket.model_copy(update=fields))
            return stack.enter_context(_connecting(app, database))("operator")

        yield opened


def saved(client: TestClient, database: Database, settings: Settings, tmp_path: Path) -> str:
    """The address of a checkpoint's file that is in the bucket alone."""
    job_id, lease = running(client, database)
    save_checkpoint(database, lease, tmp_path / "worker")
    key = f"jobs/{job_id}/1/10/weights.safetensors"
    store_of(settings).put(tmp_path / "worker" / key, key)
    finish(database, lease)
    return f"/v1/jobs/{job_id}/checkpoints/best/files/weights.safetensors"


def declare(client: TestClient) -> str:
    body = {"name": "t", "format": "csv", "bytes": len(TABLE)}
    return f"/v1/datasets/{client.post('/v1/datasets', json=body).json()['id']}"


def test_an_upload_goes_to_the_store_and_its_deletion_takes_it_from_there(client_of: OpenClient, on_bucket: Settings):
    client = client_of()
    path = declare(client)
    assert client.put(f"{path}/content", content=TABLE, headers=BINARY).status_code == 202
    wait_for(lambda: client.get(path).json()["status"] == "ready", "the profile", timeout_seconds=60)
    store = store_of(on_bucket)
    assert [key for key, _ in store.walk("datasets")] == [f"datasets/{hashlib.sha256(TABLE).hexdigest()}"]
    assert client.delete(path).status_code == 204
    assert list(store.walk("datasets")) == []


def test_an_upload_that_the_store_cannot_take_is_finished_when_it_can(client_of: OpenClient, bucket: Bucket):
    client = client_of()
    path = declare(client)
    with bucket.front.failing(403, REFUSAL, methods="PUT"):
        answer = client.put(f"{path}/content", content=TABLE, headers=BINARY)
        told = problem(answer, 503, "storage_refused")
    assert "Retry-After" in answer.headers
    assert not [secret for secret in (ACCESS_KEY, SECRET_KEY, bucket.name) if secret in str(told)]
    offset = {**BINARY, "Upload-Offset": str(client.get(path).json()["received_bytes"])}
    assert offset["Upload-Offset"] == str(len(TABLE))
    assert client.put(f"{path}/content", content=b"", headers=offset).status_code == 202


def test_a_part_that_went_to_another_machine_is_asked_for_again_and_not_made_up(client_of: OpenClient, tmp_path: Path):
    path = declare(client_of())
    first = {**BINARY, "Upload-Complete": "?0"}
    assert client_of().put(f"{path}/content", content=TABLE[:5], headers=first).status_code == 200
    other = client_of(cache_dir=tmp_path / "another machine")
    answer = other.put(f"{path}/content", content=TABLE[5:], headers={**BINARY, "Upload-Offset": "5"})
    assert problem(answer, 409, "upload_offset_mismatch")["received_bytes"] == 0
    assert other.put(f"{path}/content", content=TABLE, headers=BINARY).status_code == 202


def test_a_download_streams_with_ranges_digest_and_tag(
    client_of: OpenClient, database: Database, on_bucket: Settings, tmp_path: Path
):
    client = client_of()
    path = saved(client, database, on_bucket, tmp_path)
    whole = client.get(path)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    part = client.get(path, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, CONTENT[1000:])
    assert client.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304


def test_a_download_points_into_the_store_where_the_settings_say_so(
    client_of: OpenClient, database: Database, on_bucket: Settings, tmp_path: Path
):
    client = client_of(downloads="redirect")
    path = saved(client, database, on_bucket, tmp_path)
    answer = client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
    link = answer.headers["location"]
    assert SECRET_KEY not in link
    assert httpx2.get(link, headers={"Range": "bytes=0-3"}).content == CONTENT[:4]


def test_the_client_follows_a_link_and_keeps_its_key_to_itself(
    client_of: OpenClient, database: Database, on_bucket: Settings, bucket: Bucket, tmp_path: Path
):
    path = saved(client_of(), database, on_bucket, tmp_path)
    key = make_key(database, "operator")
    bucket.front.authorizations.clear()
    app = create_app(on_bucket.model_copy(update={"downloads": "redirect"}))
    with serving(app) as (url, _), trainyard.Client(url, key) as client:
        best = client.jobs.get(path.split("/")[3]).checkpoint("best")
        (file,) = best.download(tmp_path / "here")
    assert file.read_bytes() == CONTENT
    assert [method for method, asked in bucket.front.requests if "X-Amz-Signature" in asked] == ["GET"]
    assert not [told for told in bucket.front.authorizations if key in told]


def test_a_store_that_is_away_is_told_with_when_to_come_back(
    client_of: OpenClient, database: Database, on_bucket: Settings, bucket: Bucket, tmp_path: Path
):
    client = client_of()
    path = saved(client, database, on_bucket, tmp_path)
    with bucket.front.failing(503, "<Error><Code>SlowDown</Code></Error>"):
        answer = client.get(path)
        assert problem(answer, 503, "storage_away")["detail"].endswith("(503).")
        assert answer.headers["retry-after"] == "10"
        wait_for(lambda: client.get("/readyz").status_code == 503, "the check to notice")
        job = path.split("/")[3]
        assert client.delete(f"/v1/jobs/{job}").status_code == 204, "its files are left to the sweep"
    wait_for(lambda: client.get("/readyz").status_code == 200, "the check to pass again")
