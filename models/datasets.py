"""Datasets: declared, received piece by piece, profiled, and kept by content, so that equal bytes are stored once.

awaiting_content -> profiling -> ready | invalid. The bytes themselves are the artifact store's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from models import quotas
from models.clock import now, rfc3339
from models.errors import Conflict, NotFound
from models.identifiers import created_at, new_id
from models.json_text import decode, encode
from models.pages import PageRequest
from models.status import TERMINAL
from models.tables import datasets, job_datasets, jobs

AWAITING_CONTENT: Final = "awaiting_content"
PROFILING: Final = "profiling"
READY: Final = "ready"
INVALID: Final = "invalid"
#: The number of the lock that finding and deleting content take turns by.
_CONTENTS: Final = 0x7452_4169_6E01


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset at one revision."""

    id: str
    project: str
    name: str
    format: str
    options: Mapping[str, Any]
    status: str
    reason: Mapping[str, Any] | None
    bytes: int
    sha256: str | None
    received_bytes: int
    location: str | None
    profile: Mapping[str, Any] | None
    created_at: float
    updated_at: float
    revision: int
    source_url: str | None = None
    source_tag: str | None = None

    def document(self) -> dict[str, Any]:
        """The dataset as the API shows it."""
        return {
            "id": self.id,
            "project": self.project,
            "name": self.name,
            "format": self.format,
            "options": self.options,
            "status": self.status,
            "reason": self.reason,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "received_bytes": self.received_bytes,
            "profile": self.profile,
            "source": None if self.source_url is None else {"url": self.source_url.partition("?")[0]},
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
        }


def declare(
    connection: Connection,
    *,
    project: str,
    name: str,
    format: str,  # noqa: A002  the API's own word
    options: Mapping[str, Any],
    num_bytes: int,
    sha256: str | None,
    source_url: str | None = None,
) -> Dataset:
    """Announce a dataset whose content will follow, or be fetched from a URL; then its size is 0 as long as unknown.

    Raises `TooManyRequests` where the project may keep no more.
    """
    identifier = new_id("ds")
    row = connection.execute(
        insert(datasets)
        .values(
            id=identifier,
            project=project,
            name=name,
            format=format,
            options=encode(dict(options)),
            status=AWAITING_CONTENT,
            bytes=num_bytes,
            sha256=sha256,
            received_bytes=0,
            source_url=source_url,
            created_at=created_at(identifier),
            updated_at=now(),
            revision=1,
        )
        .returning(*datasets.c),
    ).one()
    quotas.check(connection, project=project, name="dataset_bytes")
    return of_row(row)


def get(connection: Connection, *, project: str, dataset_id: str) -> Dataset:
    """One dataset. Raises `NotFound`."""
    row = connection.execute(
        select(datasets).where(datasets.c.id == dataset_id, datasets.c.project == project),
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no dataset {dataset_id}.", code="dataset_not_found")
    return of_row(row)


def listing(connection: Connection, *, project: str, page: PageRequest) -> list[Dataset]:
    """Up to `limit + 1` datasets, newest first; the last one only tells that there are more."""
    statement = select(datasets).where(datasets.c.project == project)
    if page.before is not None:
        statement = statement.where(datasets.c.id < page.before)
    rows = connection.execute(statement.order_by(datasets.c.id.desc()).limit(page.limit + 1))
    return [of_row(row) for row in rows]


def received(connection: Connection, *, dataset_id: str, offset: int, received_bytes: int) -> None:
    """Note that the content up to `received_bytes` is on disk, if it stood at `offset` before. Raises `Conflict` where
    it did not.
    """
    _change(
        connection,
        (datasets.c.id == dataset_id) & (datasets.c.status == AWAITING_CONTENT) & (datasets.c.received_bytes == offset),
        {"received_bytes": received_bytes},
    )


def complete(
    connection: Connection,
    *,
    dataset_id: str,
    sha256: str,
    location: str,
    is_there: Callable[[], bool] = lambda: True,
) -> Dataset | None:
    """The content is whole, verified and in the store: it will be profiled. Raises `Conflict`.

    None where the content is no longer there, because the last dataset that had it was removed meanwhile.
    """
    _take_turn(connection)
    if not is_there():
        return None
    return _change(
        connection,
        (datasets.c.id == dataset_id) & (datasets.c.status == AWAITING_CONTENT),
        {"status": PROFILING, "sha256": sha256, "location": location, "received_bytes": datasets.c.bytes},
    )


def ready(connection: Connection, *, dataset_id: str, profile: Mapping[str, Any]) -> Dataset:
    """The content has been read and understood. Raises `Conflict`."""
    condition = (datasets.c.id == dataset_id) & (datasets.c.status == PROFILING)
    return _change(connection, condition, {"status": READY, "profile": encode(dict(profile))})


def invalid(connection: Connection, *, dataset_id: str, reason: Mapping[str, Any]) -> Dataset:
    """The content cannot be read as what it was declared to be. Raises `Conflict`."""
    condition = (datasets.c.id == dataset_id) & datasets.c.status.in_([PROFILING, AWAITING_CONTENT])
    return _change(connection, condition, {"status": INVALID, "reason": encode(dict(reason))})


def unprofiled(connection: Connection, *, older_than_seconds: float) -> list[Dataset]:
    """Datasets whose profiling has been interrupted."""
    rows = connection.execute(
        select(datasets).where(datasets.c.status == PROFILING, datasets.c.updated_at < now() - older_than_seconds),
    )
    return [of_row(row) for row in rows]


def remove(connection: Connection, *, project: str, dataset_id: str) -> str | None:
    """Forget a dataset. Returns the location whose bytes nobody needs any more, to be `discard`ed after the commit.

    Raises `NotFound`, and `Conflict` while a job that is not over uses it.
    """
    dataset = get(connection, project=project, dataset_id=dataset_id)
    user = connection.execute(
        select(jobs.c.id)
        .join(job_datasets, job_datasets.c.job_id == jobs.c.id)
        .where(job_datasets.c.dataset_id == dataset_id, jobs.c.status.not_in(TERMINAL))
        .limit(1),
    ).scalar_one_or_none()
    if user is not None:
        raise Conflict(f"Dataset {dataset_id} is used by job {user}, which is not over.", code="dataset_in_use")
    connection.execute(delete(job_datasets).where(job_datasets.c.dataset_id == dataset_id))
    connection.execute(delete(datasets).where(datasets.c.id == dataset_id))
    if dataset.location is None:
        return None
    still_used = connection.execute(
        select(datasets.c.id).where(datasets.c.location == dataset.location).limit(1)
    ).first()
    return dataset.location if still_used is None else None


def discard(connection: Connection, *, location: str, delete: Callable[[str], None]) -> bool:
    """Have content deleted that no dataset has; whether there was none. Nobody can come to have it meanwhile."""
    _take_turn(connection)
    if connection.execute(select(datasets.c.id).where(datasets.c.location == location).limit(1)).first() is not None:
        return False
    delete(location)
    return True


def locations(connection: Connection) -> set[str]:
    """Where the content of every dataset is."""
    return set(connection.execute(select(datasets.c.location).where(datasets.c.location.is_not(None))).scalars())


def _take_turn(connection: Connection) -> None:
    """Finding content in the store and deleting it take turns, or a new dataset could lose its bytes to an old one.

    SQLite's writers take turns anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_CONTENTS)))


def _change(connection: Connection, condition: Any, values: Mapping[str, Any]) -> Dataset:
    row = connection.execute(
        update(datasets)
        .where(condition)
        .values(**values, updated_at=now(), revision=datasets.c.revision + 1)
        .returning(*datasets.c),
    ).one_or_none()
    if row is None:
        raise Conflict(
            "The dataset is not in a state that allows this, or another upload was faster.", code="upload_conflict"
        )
    return of_row(row)


def of_row(row: Row[Any]) -> Dataset:
    """The dataset of a whole row."""
    return Dataset(
        id=row.id,
        project=row.project,
        name=row.name,
        format=row.format,
        options=decode(row.options),
        status=row.status,
        reason=decode(row.reason),
        bytes=row.bytes,
        sha256=row.sha256,
        received_bytes=row.received_bytes,
        location=row.location,
        profile=decode(row.profile),
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
        source_url=row.source_url,
        source_tag=row.source_tag,
    )
