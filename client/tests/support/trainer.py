"""Stands in for a worker: claims a job by the domain's own operations and writes what the test wants to read back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from client.tests.support.api import Api
from models import checkpoints, endings, leases, logs, metrics
from models.leases import Lease
from models.metric_blobs import points
from models.status import Fault, Outcome

RESULT: dict[str, Any] = {
    "best": {"metric": "validation/loss", "value": 0.2, "step": 8},
    "metrics": {"validation/accuracy": 0.98},
    "test": {"accuracy": 0.97, "loss": 0.11},
    "baselines": [{"name": "majority", "test": {"accuracy": 0.1}}],
    "beats_baselines": True,
    "parameters": 9034,
    "samples_per_second": 51000.0,
    "phase_seconds": {"training": 3.1},
    "data_report": {},
    "weights_sha256": "0" * 64,
}


class Trainer:
    """One attempt at one job, told step by step."""

    def __init__(self, api: Api, lease: Lease) -> None:
        self._api = api
        self._lease = lease

    @classmethod
    def claim(cls, api: Api, *, pool: str) -> Trainer:
        """Take the next job of a pool, which must be there."""
        with api.database.unit_of_work() as connection:
            claimed = leases.claim(
                connection, pool=pool, worker_id="wrk_stand-in", worker="stand-in", device="cpu", lease_seconds=600.0
            )
        assert claimed is not None, f"no job is queued in {pool}"
        return cls(api, claimed.lease)

    def progress(self, fraction: float, **words: Any) -> None:
        with self._api.database.unit_of_work() as connection:
            leases.beat(connection, self._lease, lease_seconds=600.0, progress={"fraction": fraction, **words})

    def metric(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:
        with self._writing() as connection:
            made = points(list(steps), [time.time()] * len(steps), list(values))
            metrics.append(connection, job_id=self._lease.job_id, series={name: made})

    def log(self, text: str) -> None:
        with self._writing() as connection:
            logs.append(connection, job_id=self._lease.job_id, attempt=self._lease.attempt, content=text.encode())

    def phase(self, word: str) -> None:
        with self._writing() as connection:
            leases.enter_phase(connection, self._lease, word)

    def resumed_from(self, step: int) -> None:
        """Say that this attempt goes on from a checkpoint: later points are cut away."""
        with self._writing() as connection:
            leases.resumed(connection, self._lease, step=step)

    def find(self, rule: str, *, step: int, message: str, advice: str, patch: dict[str, Any] | None) -> None:
        said = {"severity": "warning", "message": message, "evidence": {}}
        suggestion = {"message": advice, "patch": patch}
        with leases.holding(self._api.database, self._lease, lease_seconds=60) as connection:
            leases.found(connection, self._lease, rule=rule, step=step, said={**said, "suggestion": suggestion})

    def checkpoint(self, step: int, files: dict[str, bytes], *, is_best: bool = True) -> None:
        location = f"jobs/{self._lease.job_id}/{self._lease.attempt}/{step}"
        folder = self._api.settings.data_dir / "artifacts" / location
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        saved = checkpoints.Saved(
            step=step,
            epoch=1,
            is_best=is_best,
            is_final=False,
            metrics={"validation/loss": 0.2},
            files=[
                {"name": name, "bytes": len(content), "sha256": sha256(content).hexdigest()}
                for name, content in files.items()
            ],
            location=location,
            manifest_sha256="0" * 64,
        )
        with self._writing() as connection:
            checkpoints.record(connection, job_id=self._lease.job_id, attempt=self._lease.attempt, saved=saved)

    def succeed(self, result: dict[str, Any] | None = None) -> None:
        self._end(endings.Ending(outcome=Outcome.SUCCEEDED, result=result or RESULT, digest="0" * 64))

    def fail(self, *, code: str = "diverged", message: str = "the loss is not finite") -> None:
        reason = {"code": code, "message": message, "param": "optimizer/learning_rate", "fault": Fault.USER}
        self._end(endings.Ending(outcome=Outcome.FAILED, reason=reason))

    def lose(self) -> None:
        """Hand the job back to the queue, as a worker that stops does."""
        self._end(endings.Ending(outcome=Outcome.DRAINED))

    def _end(self, ending: endings.Ending) -> None:
        with self._api.database.unit_of_work() as connection:
            endings.end(connection, self._lease, ending)

    def _writing(self) -> AbstractContextManager[Connection]:
        return leases.holding(self._api.database, self._lease, lease_seconds=600.0)
