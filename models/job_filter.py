"""What a list of jobs is narrowed to, and the SQL of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from models.pages import PageRequest
from models.status import Status
from models.tables import job_labels, jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """What a list of jobs is narrowed to; every given condition must hold."""

    status: tuple[Status, ...] = ()
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    pool: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    parent: str | None = None

    def document(self) -> dict[str, Any]:
        """The filter in a form that a cursor can be bound to."""
        return {
            "status": sorted(self.status),
            "name": self.name,
            "labels": dict(self.labels),
            "pool": self.pool,
            "created_after": self.created_after,
            "created_before": self.created_before,
            "parent": self.parent,
        }


def narrowed(statement: Select[Any], where: JobFilter, page: PageRequest) -> Select[Any]:
    """A SELECT from `jobs` with these conditions, of one page and the first row behind it, newest first."""
    conditions: list[ColumnElement[bool]] = []
    if where.status:
        conditions.append(jobs.c.status.in_(where.status))
    if where.name is not None:
        conditions.append(jobs.c.name == where.name)
    if where.pool is not None:
        conditions.append(jobs.c.pool == where.pool)
    if where.created_after is not None:
        conditions.append(jobs.c.created_at > where.created_after)
    if where.created_before is not None:
        conditions.append(jobs.c.created_at < where.created_before)
    if where.parent is not None:
        conditions.append(jobs.c.parent_id == where.parent)
    if page.before is not None:
        conditions.append(jobs.c.id < page.before)
    for key, value in where.labels.items():
        labelled = select(job_labels.c.job_id).where(job_labels.c.key == key, job_labels.c.value == value)
        conditions.append(jobs.c.id.in_(labelled))
    return statement.where(*conditions).order_by(jobs.c.id.desc()).limit(page.limit + 1)
