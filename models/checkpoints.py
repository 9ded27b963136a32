"""Checkpoints as rows: what a durable folder in the artifact store holds, which one is the best, and which ones may go.

A row is written only after its files and their manifest are durable (see `worker/training/checkpoint`), under the
attempt's lease.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from models.clock import now, rfc3339
from models.errors import NotFound
from models.identifiers import is_id, new_id
from models.json_text import decode, encode
from models.status import TERMINAL
from models.tables import checkpoints, jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A checkpoint that is durable on disk and not yet known to the database."""

    step: int
    epoch: int
    is_best: bool
    is_final: bool
    metrics: Mapping[str, float]
    files: Sequence[Mapping[str, Any]]  # {name, bytes, sha256}
    location: str  # key of its folder in the artifact store
    manifest_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that the database vouches for."""

    id: str
    job_id: str
    attempt: int
    step: int
    epoch: int
    kinds: list[str]
    metrics: dict[str, Any]
    files: list[dict[str, Any]]
    bytes: int
    location: str
    manifest_sha256: str
    created_at: float

    def document(self) -> dict[str, Any]:
        """The checkpoint as the API shows it."""
        return {
            "id": self.id,
            "step": self.step,
            "epoch": self.epoch,
            "attempt": self.attempt,
            "kinds": self.kinds,
            "metrics": self.metrics,
            "created_at": rfc3339(self.created_at),
            "bytes": self.bytes,
            "files": self.files,
        }

    def file(self, name: str) -> dict[str, Any]:
        """The entry of one of its files. Raises `NotFound`."""
        for entry in self.files:
            if entry["name"] == name:
                return entry
        names = ", ".join(str(entry["name"]) for entry in self.files)
        raise NotFound(f"Checkpoint {self.id} has no file {name!r}; it has {names}.")


def record(
    connection: Connection,
    *,
    job_id: str,
    attempt: int,
    saved: Saved,
    keep_last: int = 2,
) -> tuple[str, list[str]]:
    """Make a durable checkpoint known, and forget the ones that are no longer kept.

    Kept are the last `keep_last`, the best, the final one, and any that another job is to begin with. Returns the new
    id and the locations whose files may be deleted once this transaction has committed. Call it inside
    `leases.holding`.
    """
    same = (checkpoints.c.job_id == job_id) & (checkpoints.c.attempt == attempt) & (checkpoints.c.step == saved.step)
    replaced = connection.execute(select(checkpoints.c.location).where(same)).scalars().all()
    _forget(connection, same)
    if saved.is_best:
        connection.execute(update(checkpoints).where(checkpoints.c.job_id == job_id).values(is_best=False))
    identifier = new_id("ckpt")
    connection.execute(
        insert(checkpoints).values(
            id=identifier,
            job_id=job_id,
            attempt=attempt,
            step=saved.step,
            epoch=saved.epoch,
            is_best=saved.is_best,
            is_final=saved.is_final,
            is_corrupt=False,
            metrics=encode(dict(saved.metrics)),
            files=encode([dict(file) for file in saved.files]),
            bytes=sum(int(file["bytes"]) for file in saved.files),
            location=saved.location,
            manifest_sha256=saved.manifest_sha256,
            created_at=now(),
        ),
    )
    connection.execute(
        update(jobs)
        .where(
            jobs.c.id == job_id, (jobs.c.last_checkpoint_step.is_(None)) | (jobs.c.last_checkpoint_step < saved.step)
        )
        .values(last_checkpoint_step=saved.step),
    )
    outdated = [location for location in replaced if location != saved.location]
    return identifier, outdated + _prune(connection, job_id=job_id, keep_last=keep_last, new=saved.location)


def listing(connection: Connection, *, job_id: str) -> list[Checkpoint]:
    """A job's checkpoints, newest step first; behind them those that a retry from scratch has left behind."""
    rows = connection.execute(
        select(checkpoints)
        .join(jobs, jobs.c.id == checkpoints.c.job_id)
        .where(checkpoints.c.job_id == job_id, ~checkpoints.c.is_corrupt)
        .order_by(
            (checkpoints.c.attempt <= jobs.c.scratch_attempt),
            checkpoints.c.step.desc(),
            checkpoints.c.attempt.desc(),
        ),
    ).all()
    return [_checkpoint(row, is_latest=number == 0) for number, row in enumerate(rows)]


def find(connection: Connection, *, job_id: str, ref: str) -> Checkpoint:
    """A checkpoint by id, step number, `best`, `latest` or `final`. Raises `NotFound`, naming what there is."""
    there = listing(connection, job_id=job_id)
    for checkpoint in there:
        if ref in checkpoint.kinds or (is_id(ref, "ckpt") and checkpoint.id == ref) or ref == str(checkpoint.step):
            return checkpoint
    steps = ", ".join(str(checkpoint.step) for checkpoint in there) or "none yet"
    raise NotFound(f"No checkpoint {ref!r}; use best, latest, final, an id, or one of the steps: {steps}.")


def resumable(connection: Connection, *, job_id: str, after_attempt: int) -> list[Checkpoint]:
    """The checkpoints that a new attempt may go on from, newest first; the trainer verifies them in this order."""
    there = listing(connection, job_id=job_id)
    return [checkpoint for checkpoint in there if checkpoint.attempt > after_attempt]


def mark_corrupt(connection: Connection, *, job_id: str, attempt: int, step: int) -> None:
    """Take a checkpoint whose files do not match its manifest out of every list."""
    mine = (checkpoints.c.job_id == job_id) & (checkpoints.c.attempt == attempt) & (checkpoints.c.step == step)
    connection.execute(update(checkpoints).where(mine).values(is_corrupt=True))


def _prune(connection: Connection, *, job_id: str, keep_last: int, new: str) -> list[str]:
    there = listing(connection, job_id=job_id)
    held = _held(connection, [checkpoint.id for checkpoint in there])
    old = [
        checkpoint
        for checkpoint in there[keep_last:]
        if "best" not in checkpoint.kinds
        and "final" not in checkpoint.kinds
        and checkpoint.location != new
        and checkpoint.id not in held
    ]
    for checkpoint in old:
        _forget(connection, checkpoints.c.id == checkpoint.id)
    return [checkpoint.location for checkpoint in old]


def _held(connection: Connection, identifiers: Sequence[str]) -> set[str]:
    """The checkpoints that a job which is not over is to begin with."""
    waiting = select(jobs.c.init_checkpoint_id).where(
        jobs.c.init_checkpoint_id.in_(identifiers), jobs.c.status.not_in(TERMINAL)
    )
    return set(connection.execute(waiting).scalars())


def standing(connection: Connection, *, checkpoint_id: str) -> Checkpoint | None:
    """One checkpoint of any job; None where it is gone or damaged."""
    row = connection.execute(
        select(checkpoints).where(checkpoints.c.id == checkpoint_id, ~checkpoints.c.is_corrupt)
    ).one_or_none()
    return None if row is None else _checkpoint(row, is_latest=False)


def _forget(connection: Connection, condition: ColumnElement[bool]) -> None:
    connection.execute(delete(checkpoints).where(condition))


def _checkpoint(row: Row[Any], *, is_latest: bool) -> Checkpoint:
    kinds = [kind for kind, holds in (("best", row.is_best), ("latest", is_latest), ("final", row.is_final)) if holds]
    return Checkpoint(
        id=row.id,
        job_id=row.job_id,
        attempt=row.attempt,
        step=row.step,
        epoch=row.epoch,
        kinds=kinds,
        metrics=decode(row.metrics),
        files=decode(row.files),
        bytes=row.bytes,
        location=row.location,
        manifest_sha256=row.manifest_sha256,
        created_at=row.created_at,
    )
