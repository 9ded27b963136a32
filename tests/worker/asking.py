"""Networks to ask: a small trained job in a database, with its checkpoint where the worker looks for it."""

import json
from pathlib import Path
from typing import Any

from models import checkpoints, predictions, workers
from models.artifacts import LocalStore
from models.checkpoints import Saved
from models.database import Database
from tests.fixtures.waiting import wait_for
from tests.models.steps import claim, held, submit
from tests.worker.training.material import train_on
from worker.training.checkpoint import described


def store_network(database: Database, store: LocalStore, *, family: str = "flowers", **sections: Any) -> str:
    """Train for a few steps and record the checkpoint; the job's id. There is a worker in its pool."""
    with database.unit_of_work() as connection:
        workers.register(
            connection, worker_id="wrk_1", node="n", name="w", pool="default", slots=1, devices=[], versions={}
        )
    job_id = submit(database).id
    claimed = claim(database)
    assert claimed is not None
    location = f"jobs/{job_id}/1"
    train_on(family, store.path(location), training={"epochs": 1, "max_steps": 3}, **sections)
    saved = described(newest(store.path(location)), kinds=frozenset({"best"}), metrics={})
    with held(database, claimed.lease) as connection:
        checkpoints.record(
            connection,
            job_id=job_id,
            attempt=1,
            saved=Saved(
                step=saved.step,
                epoch=1,
                is_best=True,
                is_final=True,
                metrics={},
                files=[{"name": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in saved.files],
                location=f"{location}/{saved.step}",
                manifest_sha256=saved.manifest_sha256,
            ),
        )
    return job_id


def newest(folder: Path) -> Path:
    """The newest checkpoint in an attempt's folder."""
    return max((path for path in folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))


def ask(database: Database, job_id: str, *rows: dict[str, Any], top: int | None = None, seconds: float = 30.0) -> str:
    """Leave a question; its id."""
    with database.unit_of_work() as connection:
        return predictions.ask(
            connection,
            job_id=job_id,
            pool="default",
            checkpoint=checkpoints.find(connection, job_id=job_id, ref="best"),
            text=json.dumps({"rows": rows, "num_probabilities": top}),
            timeout_seconds=seconds,
        )


def answer_to(database: Database, question_id: str) -> dict[str, Any]:
    """The answer, as soon as it is there."""

    def look() -> Any:
        with database.reading() as connection:
            return predictions.answer_to(connection, question_id=question_id)

    return dict(wait_for(look, f"an answer to {question_id}"))
