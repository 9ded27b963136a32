"""Checkpoint files without a row, and rows without files: what a crash between a commit and a deletion leaves behind.

A checkpoint's files are durable before its row is written, and its row is gone before its files are deleted. So files
without a row belong to nobody once their attempt is over, and a row without files is damaged. What is younger than an
hour is left alone, and so is every attempt that holds a lease: it may have saved what it cannot tell yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select, update

from models.artifacts import ArtifactStore
from models.database import Connection, Database
from models.events import Entry
from models.tables import checkpoints, job_leases, jobs
from models.transitions import change

MIN_AGE_SECONDS: Final = 3600.0
_FOLDER: Final = "jobs"
_JOBS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Repairs:
    """What a sweep has put right: keys that were deleted, and locations of checkpoints that are gone."""

    deleted: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database says of some jobs."""

    job_ids: set[str]
    held: set[tuple[str, str]]  # job and attempt
    locations: set[str]


def sweep(database: Database, store: ArtifactStore, *, min_age_seconds: float = MIN_AGE_SECONDS) -> Repairs:
    """Look at the folder of every job once. Raises `Unavailable`.

    A store without any job is taken for one that is not mounted: then no row is called damaged.
    """
    repairs = Repairs()
    there = [child.name for child in store.children(_FOLDER)]
    for some in _batches(there):
        _sweep_some(database, store, some, repairs, min_age_seconds=min_age_seconds)
    if there:
        _find_damage(database, store, repairs)
    return repairs


def _sweep_some(
    database: Database, store: ArtifactStore, names: Sequence[str], repairs: Repairs, *, min_age_seconds: float
) -> None:
    """Delete what belongs to nobody. The files are listed before the rows are read, so that no new one is missed."""
    old = {name: [key for key, age in _folders(store, name) if age >= min_age_seconds] for name in names}
    with database.reading() as connection:
        known = _known(connection, names)
    for name, keys in old.items():
        for key in keys:
            _, _, attempt, _ = key.split("/")
            is_kept = key.removesuffix(".old") in known.locations or (name, attempt) in known.held
            if not is_kept:
                store.delete(key)
                repairs.deleted.append(key)
        if name not in known.job_ids and keys:
            store.delete(f"{_FOLDER}/{name}")
            repairs.deleted.append(f"{_FOLDER}/{name}")


def _folders(store: ArtifactStore, job_id: str) -> Iterator[tuple[str, float]]:
    """Checkpoint folders of a job, finished and unfinished, with their ages in seconds."""
    for attempt in store.children(f"{_FOLDER}/{job_id}"):
        if attempt.name.isdecimal():
            key = f"{_FOLDER}/{job_id}/{attempt.name}"
            for child in store.children(key):
                yield f"{key}/{child.name}", child.age_seconds


def _known(connection: Connection, names: Sequence[str]) -> _Known:
    held = select(job_leases.c.job_id, job_leases.c.attempt).where(job_leases.c.job_id.in_(names))
    return _Known(
        job_ids=set(connection.execute(select(jobs.c.id).where(jobs.c.id.in_(names))).scalars()),
        held={(row.job_id, str(row.attempt)) for row in connection.execute(held)},
        locations=set(
            connection.execute(select(checkpoints.c.location).where(checkpoints.c.job_id.in_(names))).scalars()
        ),
    )


def _find_damage(database: Database, store: ArtifactStore, repairs: Repairs) -> None:
    with database.reading() as connection:
        rows = connection.execute(select(checkpoints.c.id, checkpoints.c.location).where(~checkpoints.c.is_corrupt))
        gone = {row.id: row.location for row in rows if not _is_there(store, row.location)}
    for identifier, location in gone.items():
        with database.unit_of_work() as connection:
            if _mark_damaged(connection, identifier):
                repairs.damaged.append(location)


def _is_there(store: ArtifactStore, location: str) -> bool:
    return any(store.path(key).is_dir() for key in (location, f"{location}.old"))


def _mark_damaged(connection: Connection, identifier: str) -> bool:
    """Take the checkpoint out of every list, unless its row went the regular way meanwhile."""
    row = connection.execute(
        update(checkpoints)
        .where(checkpoints.c.id == identifier, ~checkpoints.c.is_corrupt)
        .values(is_corrupt=True)
        .returning(checkpoints.c.job_id, checkpoints.c.attempt, checkpoints.c.step)
    ).one_or_none()
    if row is None:
        return False
    data = {"attempt": row.attempt, "step": row.step, "message": "its files are gone"}
    change(connection, jobs.c.id == row.job_id, {}, entries=[Entry("job.checkpoint_damaged", data)])
    return True


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _JOBS_AT_ONCE] for start in range(0, len(names), _JOBS_AT_ONCE))
