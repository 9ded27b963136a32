"""Datasets whose content the service fetches from a URL: which of them wait, and how far each has come.

Their state is that of an upload: `awaiting_content`, with `received_bytes` growing, until the content is whole.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from models import quotas
from models.clock import now
from models.datasets import AWAITING_CONTENT, Dataset, of_row
from models.errors import Conflict
from models.tables import datasets


def waiting(connection: Connection, *, unchanged_for_seconds: float) -> list[Dataset]:
    """Datasets to be fetched that nobody has brought further for so long, and new ones."""
    rows = connection.execute(
        select(datasets).where(
            datasets.c.status == AWAITING_CONTENT,
            datasets.c.source_url.is_not(None),
            (datasets.c.updated_at < now() - unchanged_for_seconds) | (datasets.c.revision == 1),
        )
    )
    return [of_row(row) for row in rows]


def begin(connection: Connection, dataset: Dataset, *, num_bytes: int, tag: str | None) -> Dataset:
    """The source has said how long its content is, and which version of it begins to arrive: from the start.

    Raises Conflict where the dataset has changed meanwhile, TooManyRequests where the project may keep no more.
    """
    begun = _change(connection, dataset, bytes=num_bytes, source_tag=tag, received_bytes=0)
    quotas.check(connection, project=dataset.project, name="dataset_bytes")
    return begun


def touch(connection: Connection, *, dataset_id: str) -> None:
    """Say that the content is still arriving, so that no other process takes it up."""
    connection.execute(update(datasets).where(datasets.c.id == dataset_id).values(updated_at=now()))


def _change(connection: Connection, dataset: Dataset, **values: Any) -> Dataset:
    is_same: ColumnElement[bool] = (datasets.c.id == dataset.id) & (datasets.c.revision == dataset.revision)
    row = connection.execute(
        update(datasets)
        .where(is_same, datasets.c.status == AWAITING_CONTENT)
        .values(**values, updated_at=now(), revision=dataset.revision + 1)
        .returning(*datasets.c)
    ).one_or_none()
    if row is None:
        raise Conflict("Another process is fetching this content.", code="upload_conflict")
    return of_row(row)
