"""Artifacts without a row, and rows without artifacts: what a crash between a commit and a deletion leaves behind.

A checkpoint's files are durable before its row is written, and its row is gone before its files are deleted. So files
without a row belong to nobody once their attempt is over, and a row without files is damaged. The content of a dataset
that no row names is nobody's either. What is younger than an hour is left alone, and so is every attempt that holds a
lease: it may have saved what it cannot tell yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Final

from sqlalchemy import select, update

from models import datasets
from models.artifacts import ArtifactStore
from models.database import Connection, Database
from models.events import Entry
from models.tables import checkpoints, job_leases, jobs
from models.transitions import change

MIN_AGE_SECONDS: Final = 3600.0
_JOBS: Final = "jobs"
_DATASETS: Final = "datasets"
_ASIDE: Final = ".old"
_JOBS_AT_ONCE: Final = 200
#: `jobs/<job>/<attempt>/<step>`
_FOLDER_PARTS: Final = 4


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


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of one job: checkpoint folders and everything, by the age of what was changed last."""

    job_id: str
    folders: dict[str, float]
    age_seconds: float


def sweep(database: Database, store: ArtifactStore, *, min_age_seconds: float = MIN_AGE_SECONDS) -> Repairs:
    """Look at every file once. Raises `Unavailable`.

    A store without any job is taken for one that is not mounted: then no row is called damaged.
    """
    repairs = Repairs()
    there: set[str] = set()
    is_empty = True
    found = _found(store)
    while some := list(islice(found, _JOBS_AT_ONCE)):
        is_empty = False
        there.update(key.removesuffix(_ASIDE) for one in some for key in one.folders)
        _sweep_some(database, store, some, repairs, min_age_seconds=min_age_seconds)
    if not is_empty:
        _find_damage(database, store, repairs, there=there)
    _sweep_datasets(database, store, repairs, min_age_seconds=min_age_seconds)
    return repairs


def _found(store: ArtifactStore) -> Iterator[_Found]:
    """What there is of every job; files are listed before rows are read, so that no new one is missed."""
    for job_id, entries in groupby(store.walk(_JOBS), key=lambda entry: entry.key.split("/")[1]):
        folders: dict[str, float] = {}
        youngest = float("inf")
        for key, age in entries:
            youngest = min(youngest, age)
            parts = key.split("/")
            if len(parts) >= _FOLDER_PARTS and parts[2].isdecimal():
                folder = "/".join(parts[:_FOLDER_PARTS])
                folders[folder] = min(age, folders.get(folder, age))
        yield _Found(job_id, folders, youngest)


def _sweep_some(
    database: Database, store: ArtifactStore, found: Sequence[_Found], repairs: Repairs, *, min_age_seconds: float
) -> None:
    """Delete what belongs to nobody."""
    with database.reading() as connection:
        known = _known(connection, [one.job_id for one in found])
    for one in found:
        for key, age in one.folders.items():
            attempt = key.split("/")[2]
            is_kept = key.removesuffix(_ASIDE) in known.locations or (one.job_id, attempt) in known.held
            if age >= min_age_seconds and not is_kept:
                store.delete(key)
                repairs.deleted.append(key)
        if one.job_id not in known.job_ids and one.age_seconds >= min_age_seconds:
            store.delete(f"{_JOBS}/{one.job_id}")
            repairs.deleted.append(f"{_JOBS}/{one.job_id}")


def _known(connection: Connection, names: Sequence[str]) -> _Known:
    held = select(job_leases.c.job_id, job_leases.c.attempt).where(job_leases.c.job_id.in_(names))
    return _Known(
        job_ids=set(connection.execute(select(jobs.c.id).where(jobs.c.id.in_(names))).scalars()),
        held={(row.job_id, str(row.attempt)) for row in connection.execute(held)},
        locations=set(
            connection.execute(select(checkpoints.c.location).where(checkpoints.c.job_id.in_(names))).scalars()
        ),
    )


def _find_damage(database: Database, store: ArtifactStore, repairs: Repairs, *, there: set[str]) -> None:
    with database.reading() as connection:
        rows = connection.execute(select(checkpoints.c.id, checkpoints.c.location).where(~checkpoints.c.is_corrupt))
        missing = {row.id: row.location for row in rows if row.location not in there}
    for identifier, location in missing.items():
        if _is_there(store, location):
            continue  # saved since the store was walked
        with database.unit_of_work() as connection:
            if _mark_damaged(connection, identifier):
                repairs.damaged.append(location)


def _is_there(store: ArtifactStore, location: str) -> bool:
    return any(True for folder in (location, f"{location}{_ASIDE}") for _ in store.walk(folder))


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


def _sweep_datasets(database: Database, store: ArtifactStore, repairs: Repairs, *, min_age_seconds: float) -> None:
    old = [key for key, age in store.walk(_DATASETS) if age >= min_age_seconds]
    with database.reading() as connection:
        named = datasets.locations(connection)
    for key in old:
        if key not in named:
            with database.unit_of_work() as connection:
                if datasets.discard(connection, location=key, delete=store.delete):
                    repairs.deleted.append(key)
