"""API and workers on machines that share a database, a broker and an object store, and no disk."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from launcher import processes
from launcher.preparation import prepare
from launcher.service import ROOT
from tests.fixtures.brokers import redis_or_valkey_server, running_broker
from tests.fixtures.networks import other_machine
from tests.fixtures.object_store import ACCESS_KEY, SECRET_KEY, Bucket, Front, ObjectServer
from tests.fixtures.postgresql import Server
from tests.fixtures.proxy import Proxy
from tests.fixtures.services import QUICK, TERMINAL, clean_environment
from tests.fixtures.waiting import free_port, wait_for

ROWS = "a,b,y\n" + "".join(f"{i % 7},{i % 5},{(i % 7 + i % 5) % 3}\n" for i in range(300))
SPEC = {
    "network": {"type": "mlp", "hidden": [8]},
    "training": {"epochs": 40, "batch_size": 16},
    "checkpoints": {"every": "20 steps"},
    "early_stopping": None,
    "evaluation": {"baselines": False},
}


@dataclass
class Fleet:
    """One API and any number of workers, each with a disk of its own."""

    folder: Path
    bucket: Bucket
    database_url: str
    broker_url: str
    key: str
    object_port: int
    stack: ExitStack
    http: httpx2.Client = field(init=False)

    def start_api(self) -> None:
        """Start the API and return once it is ready."""
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "--factory", "api.main:create_app", "--port", str(port)]
        self.spawn("api", [*command, "--no-access-log", "--timeout-graceful-shutdown", "2"])
        self.http = self.stack.enter_context(
            httpx2.Client(
                base_url=f"http://127.0.0.1:{port}", timeout=60, headers={"Authorization": f"Bearer {self.key}"}
            )
        )
        wait_for(self._is_ready, "the API", timeout_seconds=120)

    def _is_ready(self) -> bool:
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def start_worker(self, name: str, **settings: str) -> "subprocess.Popen[bytes]":
        """Start a worker on this machine."""
        return self.spawn(name, WORKER, **settings)

    def spawn(self, name: str, command: Sequence[str], **settings: str) -> "subprocess.Popen[bytes]":
        """Start a process whose disk is `folder/name`; it is stopped at the end."""
        environment = {**clean_environment(), **QUICK, **self.settings(name), **settings}
        process = processes.spawn(command, log=self.log(name), environment=environment, directory=ROOT)
        self.stack.callback(processes.stop, process, grace_seconds=60)
        return process

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """What is started in this block ends with it."""
        with ExitStack() as stack:
            before, self.stack = self.stack, stack
            try:
                yield
            finally:
                self.stack = before

    def settings(self, name: str) -> dict[str, str]:
        """What a process at this name is told."""
        return {
            "TRAINYARD_DATA_DIR": str(self.folder / name),
            "TRAINYARD_DATABASE_URL": self.database_url,
            "TRAINYARD_BROKER_URL": self.broker_url,
            "TRAINYARD_ARTIFACTS_URL": self.bucket.url,
            "OMP_NUM_THREADS": "1",
        }

    def log(self, name: str) -> Path:
        """What a process has said."""
        return self.folder / f"{name}.log"

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as the API shows it."""
        return dict(self.http.get(f"/v1/jobs/{job_id}").json())

    def submit(self, spec: dict[str, Any]) -> str:
        """Submit a job; its id."""
        answer = self.http.post("/v1/jobs", json=spec)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def finished(self, job_id: str) -> dict[str, Any]:
        """The job once it has ended."""
        job = wait_for(
            lambda: job if (job := self.job(job_id))["status"] in TERMINAL else None, job_id, timeout_seconds=240
        )
        assert job["status"] == "succeeded", job["reason"]
        return job

    def dataset(self, content: bytes) -> str:
        """Upload a table; its id once it is understood."""
        body = {"name": "t", "format": "csv", "bytes": len(content), "sha256": sha256(content).hexdigest()}
        name = self.http.post("/v1/datasets", json=body).json()["id"]
        answer = self.http.put(
            f"/v1/datasets/{name}/content", content=content, headers={"Content-Type": "application/octet-stream"}
        )
        assert answer.status_code == 202, answer.text
        wait_for(lambda: self.http.get(f"/v1/datasets/{name}").json()["status"] == "ready", name, timeout_seconds=120)
        return str(name)

    def fork(self, job_id: str) -> str:
        """A job of one epoch that begins with the best weights of another; its id."""
        body = {"patch": {"training": {"epochs": 1}}, "from_checkpoint": "best"}
        answer = self.http.post(f"/v1/jobs/{job_id}/fork", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def weights(self, job_id: str) -> bytes:
        """The final weights, as anybody downloads them."""
        answer = self.http.get(f"/v1/jobs/{job_id}/checkpoints/final/files/weights.safetensors")
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)


WORKER = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-P", "threads", "-Q", "default"]
WORKER += ["--without-gossip", "--without-mingle", "--loglevel", "info"]


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server, object_server: ObjectServer
) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    database_url = postgresql_server.create()
    key = prepare(database_url).new_key
    assert key is not None
    front = Front(object_server.port)
    bucket = Bucket(object_server.create_bucket(), front)
    with running_broker(redis_or_valkey_server(), folder) as broker_url, ExitStack() as stack:
        made = Fleet(folder, bucket, database_url, broker_url, key, object_server.port, stack)
        made.start_api()
        yield made
    front.close()
    postgresql_server.drop(database_url)


@contextmanager
def elsewhere(fleet: Fleet) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts a worker on another machine: its network leads to the database, the broker and the store alone, and the
    disks of the API and of the worker before it are not to be seen from there.
    """
    with ExitStack() as stack:
        machine = stack.enter_context(other_machine())
        database, broker = urlsplit(fleet.database_url), urlsplit(fleet.broker_url)
        front = Front(fleet.object_port, host=machine.address)
        stack.callback(front.close)
        urls = {}
        for name, url in (("DATABASE", database), ("BROKER", broker)):
            proxy = Proxy(url.port or 0, host=machine.address)
            stack.callback(proxy.close)
            user = f"{url.username}@" if url.username else ""
            urls[f"TRAINYARD_{name}_URL"] = url._replace(netloc=f"{user}{machine.address}:{proxy.port}").geturl()
        urls["TRAINYARD_ARTIFACTS_URL"] = fleet.bucket.url_at(machine.address, front.port)
        assert machine.reaches(machine.address, front.port)
        if machine.name is not None:
            assert not machine.reaches("127.0.0.1", fleet.object_port), "it has a network of its own"

        def start(name: str = "second") -> "subprocess.Popen[bytes]":
            command = machine.command(WORKER, hidden=[fleet.folder / "api", fleet.folder / "first"])
            return fleet.spawn(name, command, **urls)

        with fleet.stopping():
            yield start


def test_a_job_goes_on_on_a_machine_that_shares_neither_disk_nor_network_with_the_one_that_died(fleet: Fleet):
    spec = {**SPEC, "data": {"dataset": fleet.dataset(ROWS.encode()), "target": "y"}}
    first = fleet.start_worker("first")
    cut = fleet.submit(spec)
    wait_for(lambda: fleet.http.get(f"/v1/jobs/{cut}/checkpoints").json()["data"], "a checkpoint", timeout_seconds=120)
    first.kill()
    first.wait()
    with elsewhere(fleet) as start:
        start()
        job = fleet.finished(cut)
        assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "succeeded"]
        assert job["attempts"][1]["resumed_from_step"] > 0
        whole = fleet.submit(spec)
        fork = fleet.fork(cut)
        assert len(fleet.finished(whole)["attempts"]) == 1
        assert fleet.weights(whole) == fleet.weights(cut), "the bits of a run that nobody disturbed"
        assert fleet.finished(fork)["parent"] == cut
        answer = fleet.http.post(f"/v1/jobs/{cut}/predict", json={"rows": [{"a": 1, "b": 2}], "checkpoint": "best"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["predictions"][0]["label"] is not None
        events = fleet.http.get(f"/v1/jobs/{cut}/tensorboard")
        assert (events.status_code, events.content[:1] != b"") == (200, True)
    fleet.http.request("DELETE", f"/v1/jobs/{whole}")
    kept = {key.split("/")[1] for key, _ in fleet.bucket.open(fleet.folder / "looking").walk("jobs")}
    assert kept == {cut, fork}, "what is deleted is gone from the store"
    seen = "".join(fleet.log(name).read_text() for name in ("api", "first", "second"))
    seen += fleet.http.get(f"/v1/jobs/{cut}/events").text + fleet.http.get(f"/v1/jobs/{cut}/logs").text
    assert not [secret for secret in (ACCESS_KEY, SECRET_KEY) if secret in seen]
