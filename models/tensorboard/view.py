"""A job's event file, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from models import histograms, metrics
from models.database import Database
from models.errors import NotFound
from models.hyperparameters import hyperparameters
from models.job import Job
from models.metric_blobs import points
from models.tensorboard import events
from models.tensorboard.hparams import hparams, session_end


def file_name(job: Job, *, time: float) -> str:
    """Named by when it was made: a TensorBoard that runs reads on in a file whose name it knows, and this one is new.

    It reads every file whose name has `tfevents` in it, the older ones first.
    """
    return f"events.out.tfevents.{int(time)}.{job.id}"


def event_file(database: Database, job: Job, *, time: float) -> Iterator[bytes]:
    """The file's bytes as of now: opening, choices, then every series, then every histogram."""
    yield events.opening(time=time)
    with database.reading() as connection:
        names = [summary.name for summary in metrics.names(connection, job_id=job.id)]
    scores = _test_scores(job)
    yield _choices(job, compared=list(scores) or [name for name in names if name.startswith("validation/")])
    for name in names:
        yield from _series(database, job, name)
    for name, score in scores.items():
        yield from events.scalars(name, points([_last_step(job)], [job.finished_at or time], [score]))
    with database.reading() as connection:
        for taken in histograms.listing(connection, job_id=job.id):
            yield events.histograms(taken)
    if job.status.is_terminal:
        yield session_end(job.status, ended_at=job.finished_at or time)


def _series(database: Database, job: Job, name: str) -> Iterator[bytes]:
    try:
        with database.reading() as connection:
            everything = metrics.series(connection, job_id=job.id, name=name)
    except NotFound:
        return  # the job has gone back to before its first point meanwhile
    yield from events.scalars(name, everything)


def _choices(job: Job, *, compared: list[str]) -> bytes:
    return hparams(
        hyperparameters(job.resolved_spec),
        metrics=compared,
        group=job.id,
        started_at=job.started_at or job.created_at,
        name=job.name,
    )


def _test_scores(job: Job) -> dict[str, float]:
    tested: Mapping[str, Any] = (job.result or {}).get("test") or {}
    return {f"test/{name}": float(score) for name, score in tested.items() if isinstance(score, int | float)}


def _last_step(job: Job) -> int:
    return int((job.result or {}).get("steps") or job.progress.get("step") or 0)
