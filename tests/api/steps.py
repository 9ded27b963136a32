"""What tests of the API do again and again: submit over HTTP, and play the worker on the database behind it."""

import hashlib
from pathlib import Path
from typing import Any

import httpx2

from models import checkpoints, logs, metrics
from models.checkpoints import Saved
from models.database import Database
from models.leases import Lease
from models.metric_blobs import points
from models.status import Outcome, Status
from tests.models.steps import claim, end, held

SPEC: dict[str, Any] = {"data": {"dataset": "iris"}, "training": {"epochs": 1}}
CONTENT = bytes(range(256)) * 4


def submit(client: httpx2.Client, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/jobs", json={**SPEC, **fields})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


def running(client: httpx2.Client, database: Database, **fields: Any) -> tuple[str, Lease]:
    """A job that a worker has claimed."""
    job = submit(client, **fields)
    claimed = claim(database)
    assert claimed is not None
    assert claimed.lease.job_id == job["id"]
    return job["id"], claimed.lease


def write_points(database: Database, lease: Lease, name: str, steps: list[int], values: list[float]) -> None:
    with held(database, lease) as connection:
        series = {name: points(steps, [1_700_000_000.0 + step for step in steps], values)}
        metrics.append(connection, job_id=lease.job_id, series=series)


def write_log(database: Database, lease: Lease, text: str) -> None:
    with held(database, lease) as connection:
        logs.append(connection, job_id=lease.job_id, attempt=lease.attempt, content=text.encode())


def save_checkpoint(
    database: Database,
    lease: Lease,
    artifacts: Path,
    *,
    step: int = 10,
    is_best: bool = True,
    content: bytes = CONTENT,
) -> str:
    """A checkpoint with one file, as a trainer leaves it."""
    location = f"jobs/{lease.job_id}/{lease.attempt}/{step}"
    folder = artifacts / location
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    saved = Saved(
        step=step,
        epoch=1,
        is_best=is_best,
        is_final=False,
        metrics={"validation/loss": 0.5},
        files=[{"name": "weights.safetensors", "bytes": len(content), "sha256": digest}],
        location=location,
        manifest_sha256="0" * 64,
    )
    with held(database, lease) as connection:
        identifier, _ = checkpoints.record(connection, job_id=lease.job_id, attempt=lease.attempt, saved=saved)
    return identifier


def finish(database: Database, lease: Lease) -> Status:
    return end(database, lease, Outcome.SUCCEEDED, result={"parameters": 3}, digest="0" * 64)


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer that must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code), body
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def pointers(body: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in body["errors"]]
