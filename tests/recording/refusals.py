"""Everything that the service refuses, asked of one that is given every reason to."""

import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from api.main import create_app
from models import idempotency, workers
from models.database import Database
from models.fingerprints import fingerprint
from models.migrations import migrate
from models.settings import Settings
from tests.api.access import ENTRIES
from tests.api.conftest import make_key, serving
from tests.api.steps import SPEC, finish, running, save_checkpoint, submit
from tests.api.uploading import declare, upload
from tests.recording.tape import Tape

#: Well-formed, and the identifiers of nothing.
_NOBODY = {name: f"{prefix}_01930000-0000-7000-8000-000000000000" for name, prefix in (
    ("job_id", "job"), ("dataset_id", "ds"), ("key_id", "key"), ("webhook_id", "wh"), ("event_id", "evt"),
    ("worker_id", "wrk"),
)} | {"project": "nowhere", "ref": "best", "name": "loss"}  # fmt: skip


def refuse(tape: Tape, folder: Path) -> None:
    """Keep a problem of every kind that can be provoked, by operation; `folder` is where the service keeps its data."""
    folder.mkdir()
    settings = Settings(
        data_dir=folder,
        broker_url="redis://127.0.0.1:9/0",
        body_seconds=2,
        predict_seconds=0.5,
        dry_run_seconds=0.5,
        log_level="error",
    )
    database = Database(settings.database)
    try:
        migrate(database)
        with _client(settings, database) as client:
            _Refusals(tape, client, database, settings).whole()
        _counted(tape, settings, database)
    finally:
        database.close()


@contextmanager
def _client(settings: Settings, database: Database, *scopes: str) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {make_key(database, *(scopes or ('operator',)))}"}
    with serving(create_app(settings)) as (url, _), httpx2.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


def _counted(tape: Tape, settings: Settings, database: Database) -> None:
    """What a service says that has been asked too often, or for too much."""
    few = settings.model_copy(update={"requests_per_minute": 20, "max_queued_jobs": 8})
    with _client(few, database) as client:
        told = {}
        for _ in range(21):
            answer = client.post("/v1/jobs", json=SPEC)
            told[answer.json().get("code", "taken")] = answer
    tape.keep(told["quota_exceeded"], "quota_exceeded")
    tape.keep(told["rate_limited"], "rate_limited", is_anywhere=True)


class _Refusals:
    def __init__(self, tape: Tape, client: httpx2.Client, database: Database, settings: Settings) -> None:
        self._tape = tape
        self._client = client
        self._database = database
        self._settings = settings

    def whole(self) -> None:
        """Every refusal, the outage last."""
        self._access()
        self._bodies()
        self._strangers()
        self._specs()
        self._jobs()
        self._results()
        self._datasets()
        self._surroundings()
        self._workers()
        self._outage()

    def _keep(self, status: int, method: str, path: str, *, is_anywhere: bool = False, **words: Any) -> None:
        """Keep a refusal under its code; it must have this status."""
        answer = self._client.request(method, path, **words)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        self._tape.keep(answer, answer.json()["code"], is_anywhere=is_anywhere)

    def _access(self) -> None:
        self._keep(400, "GET", "/v1/jobs", headers={"Host": "elsewhere.example"}, is_anywhere=True)
        self._keep(401, "GET", "/v1/jobs", headers={"Authorization": "Bearer ty_"}, is_anywhere=True)
        reader = {"Authorization": f"Bearer {make_key(self._database, 'jobs:read')}"}
        self._keep(403, "POST", "/v1/jobs", json=SPEC, headers=reader, is_anywhere=True)
        self._keep(422, "GET", "/v1/jobs?stauts=failed", is_anywhere=True)

    def _bodies(self) -> None:
        json = {"Content-Type": "application/json"}
        self._keep(400, "POST", "/v1/jobs", content=b'{"seed": NaN}', headers=json)
        self._keep(413, "POST", "/v1/jobs", content=b" " * (self._settings.max_body_bytes + 1), is_anywhere=True)
        self._keep(415, "POST", "/v1/jobs", content=b"seed=1", headers={"Content-Type": "text/plain"}, is_anywhere=True)
        self._tape.keep(_stalled(self._client), "request_timeout", is_anywhere=True)

    def _strangers(self) -> None:
        """What is not there, of every operation that is about one thing."""
        for path, methods in create_app(self._settings).openapi()["paths"].items():
            for method, operation in methods.items():
                if "404" in operation["responses"] and "{" in path:
                    entry = ENTRIES[operation["operationId"]]
                    place = re.sub(r"{(\w+)}", lambda match: _NOBODY[match[1]], path)
                    words = {"content": entry.content} if entry.content else {"json": entry.json} if entry.json else {}
                    self._keep(404, method.upper(), place, **words)
        self._keep(404, "GET", f"/v1/jobs/compare?ids={_NOBODY['job_id']},{_NOBODY['job_id'][:-1]}1")

    def _specs(self) -> None:
        wrong = {"data": {"dataset": "iris"}, "optimizer": {"type": "adamw", "learning_rate": -1}, "epochs": 5}
        self._keep(422, "POST", "/v1/jobs", json=wrong)
        job = submit(self._client)["id"]
        self._keep(422, "POST", f"/v1/jobs/{job}/fork", json={"patch": {"optimizer": {"learning_rate": "fast"}}})
        key = {"Idempotency-Key": '"5f0c1d2e"'}
        assert self._client.post("/v1/jobs", json=SPEC, headers=key).status_code == 201
        self._keep(422, "POST", "/v1/jobs", json={**SPEC, "seed": 1}, headers=key)
        with self._database.unit_of_work() as connection:  # a first request that is still under way
            for path in ("/v1/jobs", "/v1/datasets"):
                idempotency.begin(
                    connection,
                    project="default",
                    key="unanswered",
                    operation=f"POST {path}",
                    fingerprint=fingerprint([SPEC, []]),
                )
        self._keep(409, "POST", "/v1/jobs", json=SPEC, headers={"Idempotency-Key": '"unanswered"'}, is_anywhere=True)
        self._keep(503, "POST", "/v1/jobs?dry_run=step", json=SPEC)

    def _jobs(self) -> None:
        self._keep(400, "GET", "/v1/jobs?cursor=b2xk")
        self._keep(422, "GET", "/v1/jobs?limit=0")
        self._keep(422, "GET", f"/v1/jobs/compare?ids={_NOBODY['job_id']}")
        job, lease = running(self._client, self._database, resources={"pool": "default"}, priority=1000)
        path = f"/v1/jobs/{job}"
        self._keep(412, "PATCH", path, json={"priority": 5}, headers={"If-Match": '"an-older-one"'})
        self._keep(422, "PATCH", path, json={"priority": 5000})
        self._keep(400, "GET", f"{path}/events", headers={"Last-Event-ID": "evt_1", "Accept": "text/event-stream"})
        self._keep(400, "GET", f"{path}/logs", headers={"Last-Event-ID": "x", "Accept": "text/event-stream"})
        self._keep(409, "DELETE", path)
        self._keep(412, "DELETE", path, headers={"If-Match": '"an-older-one"'})
        self._keep(409, "POST", f"{path}/predict", json={"rows": [{"age": 39}]})
        save_checkpoint(self._database, lease, Path(self._settings.artifacts))
        finish(self._database, lease)
        for verb in ("cancel", "pause", "resume", "retry"):
            self._keep(409, "POST", f"{path}/{verb}")
        self._keep(409, "POST", f"/v1/jobs/{submit(self._client)['id']}/stop")
        self._done = path

    def _results(self) -> None:
        weights = f"{self._done}/checkpoints/best/files/weights.safetensors"
        self._keep(416, "GET", weights, headers={"Range": "bytes=1000000-"})
        self._keep(422, "POST", f"{self._done}/predict", json={"rows": []})
        self._keep(503, "POST", f"{self._done}/predict", json={"rows": [{"age": 39}]})

    def _datasets(self) -> None:
        wanted = {"name": "people", "format": "csv", "url": "https://example.com/people.csv"}
        self._keep(422, "POST", "/v1/datasets", json=wanted)
        self._keep(413, "POST", "/v1/datasets", json={"name": "all", "format": "csv", "bytes": 1 << 50})
        path = declare(self._client, sha256="0" * 64)
        content = f"{path}/content"
        self._keep(400, "PUT", content, content=b"a,b\n", headers={"Upload-Offset": "ten"})
        self._keep(409, "PUT", content, content=b"a,b\n", headers={"Upload-Offset": "100"})
        self._keep(415, "PUT", content, files={"file": b"a,b\n"})
        self._keep(422, "PUT", content, content=b"a,b\n")
        used = upload(self._client)
        submit(self._client, data={"dataset": used.rpartition("/")[2], "target": "label"})
        self._keep(409, "DELETE", used)

    def _surroundings(self) -> None:
        self._keep(422, "POST", "/v1/webhooks", json={"url": "https://169.254.169.254/latest"})
        webhook = self._client.post("/v1/webhooks", json={"url": "https://hooks.invalid/x"}).json()["id"]
        owed = self._client.post(f"/v1/webhooks/{webhook}/test").json()["id"]
        self._keep(409, "POST", f"/v1/webhooks/{webhook}/deliveries/{owed}/redeliver")
        self._keep(422, "POST", "/v1/keys", json={"name": "ci", "scopes": ["jobs:admin"]})
        key = self._client.post("/v1/keys", json={"name": "old", "scopes": ["jobs:read"]}).json()["id"]
        assert self._client.delete(f"/v1/keys/{key}").status_code == 200
        self._keep(409, "POST", f"/v1/keys/{key}/rotate")
        self._keep(409, "POST", "/v1/projects", json={"name": "default"})
        self._keep(409, "POST", "/v1/projects/default/close")

    def _workers(self) -> None:
        """What waits for a worker that is there and does not answer."""
        with self._database.unit_of_work() as connection:
            workers.register(
                connection,
                worker_id="wrk_01930000-0000-7000-8000-000000000001",
                node="n",
                name="trainer-1",
                pool="default",
                slots=1,
                devices=[{"type": "cpu", "name": "x86_64", "memory_bytes": 16 << 30}],
                versions={},
            )
        self._keep(504, "POST", "/v1/jobs?dry_run=step", json=SPEC)
        self._keep(504, "POST", f"{self._done}/predict", json={"rows": [{"age": 39}]})

    def _outage(self) -> None:
        """What a database that somebody else has locked leaves to say."""
        stranger = sqlite3.connect(self._settings.data_dir / "trainyard.sqlite3", isolation_level=None)
        stranger.execute("begin immediate")
        self._keep(503, "PATCH", self._done, json={"priority": 7}, is_anywhere=True)
        unready = self._client.get("/readyz")
        assert unready.status_code == 503, unready.text
        self._tape.keep(unready, "unready")
        stranger.close()


def _stalled(client: httpx2.Client) -> httpx2.Response:
    """The answer to a body that never comes whole, as a client that still listens hears it."""
    kind = {"Content-Type": "application/json", "Content-Length": "9"}
    request = client.build_request("POST", "/v1/jobs", headers=kind)
    head = "\r\n".join(["POST /v1/jobs HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())])
    with socket.create_connection(("127.0.0.1", request.url.port or 0), timeout=30) as connection:
        connection.sendall(f"{head}\r\n\r\n{{".encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    top, _, body = received.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return httpx2.Response(int(status.split()[1]), headers=headers, content=body, request=request)
