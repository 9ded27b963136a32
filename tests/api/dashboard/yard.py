"""A running API for the dashboard's tests, and the hand that plays the worker.

A `Hand` writes what a worker writes, through the same fenced operations, so a test decides when a point, a line of the
log or an ending appears on the page.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2

from models import checkpoints, endings, keys, leases, logs, metrics
from models.artifacts import ArtifactStore
from models.database import Database
from models.events import Entry
from models.metric_blobs import points
from models.status import Outcome

LEASE_SECONDS = 3600.0


@dataclass
class Hand:
    """The attempt that holds a job, moved by the test."""

    database: Database
    artifacts: ArtifactStore
    lease: leases.Lease

    @property
    def job_id(self) -> str:
        return self.lease.job_id

    def points(self, name: str, values: list[float], *, first_step: int = 1, every: int = 1) -> None:
        steps = [first_step + every * i for i in range(len(values))]
        with self._holding() as connection:
            new = points(steps, [time.time()] * len(values), values)
            metrics.append(connection, job_id=self.job_id, series={name: new})

    def log(self, text: str) -> None:
        with self._holding() as connection:
            logs.append(connection, job_id=self.job_id, attempt=self.lease.attempt, content=text.encode())

    def progress(self, **progress: Any) -> None:
        with self.database.unit_of_work() as connection:
            leases.beat(connection, self.lease, lease_seconds=LEASE_SECONDS, progress=progress)

    def phase(self, phase: str) -> None:
        with self._holding() as connection:
            leases.enter_phase(connection, self.lease, phase)

    def warn(self, message: str) -> None:
        with self._holding() as connection:
            leases.warn(connection, self.lease, code="told", message=message)

    def find(self, rule: str, **said: Any) -> None:
        with self._holding() as connection:
            leases.found(
                connection, self.lease, rule=rule, step=3, said={"severity": "warning", "evidence": {}, **said}
            )

    def resumed(self, *, step: int) -> None:
        with self._holding() as connection:
            leases.resumed(connection, self.lease, step=step)

    def checkpoint(self, content: bytes, *, step: int, scores: Mapping[str, float]) -> None:
        location = f"jobs/{self.job_id}/{self.lease.attempt}/{step}"
        path = self.artifacts.path(f"{location}/weights.safetensors")
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        saved = checkpoints.Saved(
            step=step,
            epoch=1,
            is_best=True,
            is_final=False,
            metrics=scores,
            files=[{"name": path.name, "bytes": len(content), "sha256": digest}],
            location=location,
            manifest_sha256=digest,
        )
        with self._holding() as connection:
            checkpoints.record(connection, job_id=self.job_id, attempt=self.lease.attempt, saved=saved)
            leases.note(connection, self.lease, entries=[Entry("job.checkpoint", {"step": step, "kinds": ["best"]})])

    def succeed(self, **result: Any) -> None:
        self._end(endings.Ending(outcome=Outcome.SUCCEEDED, result=result, digest="0" * 64))

    def fail(self, *, code: str, message: str) -> None:
        reason = {"code": code, "message": message, "param": None, "fault": "user"}
        self._end(endings.Ending(outcome=Outcome.FAILED, reason=reason))

    def _end(self, ending: endings.Ending) -> None:
        with self.database.unit_of_work() as connection:
            endings.end(connection, self.lease, ending)

    def _holding(self) -> Any:
        return leases.holding(self.database, self.lease, lease_seconds=LEASE_SECONDS)


@dataclass
class Yard:
    """A running API with nobody at work, and a key for everything."""

    url: str
    database: Database
    artifacts: ArtifactStore
    cut: Callable[[], None]  # aborts every open connection, as a broken network does
    key: str = field(init=False)
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.key = self.new_key("admin")
        self.http = httpx2.Client(base_url=self.url)

    def new_key(self, *scopes: str) -> str:
        with self.database.unit_of_work() as connection:
            return keys.create(connection, project="default", name="test", scopes=scopes)[1]

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        return self.http.request(method, path, headers=headers, **options)

    def submit(self, **spec: Any) -> str:
        spec = {"data": {"dataset": "iris"}, **spec}
        answer = self.call("POST", "/v1/jobs", json=spec)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def begin(self, **spec: Any) -> Hand:
        """Submit a job and take it up at once."""
        pool = f"pool-{uuid4().hex[:12]}"
        self.submit(resources={"pool": pool}, **spec)
        return self.take(pool)

    def take(self, pool: str) -> Hand:
        """Take up the next job of a pool."""
        with self.database.unit_of_work() as connection:
            claim = leases.claim(
                connection, pool=pool, worker_id="wrk", worker="yard-1", device="cpu", lease_seconds=LEASE_SECONDS
            )
        assert claim is not None
        return Hand(self.database, self.artifacts, claim.lease)
