"""Projects: what keys, jobs, datasets and webhooks belong to. One knows nothing of another.

A closed project is asleep: its keys are refused, its jobs are not begun. Opening it again gives everything back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select, update

from models.clock import now, rfc3339
from models.errors import Conflict, NotFound
from models.identifiers import created_at, new_id
from models.pages import PageRequest
from models.status import HELD
from models.tables import jobs, projects
from models.upserts import insert_into

DEFAULT_PROJECT: Final = "default"
#: How a project may be called.
NAME: Final = "^[a-z0-9][a-z0-9_-]{0,62}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project, open or closed."""

    name: str
    id: str
    created_at: float
    closed_at: float | None

    def document(self) -> dict[str, Any]:
        """The project as the API shows it."""
        return {
            "name": self.name,
            "id": self.id,
            "created_at": rfc3339(self.created_at),
            "closed_at": rfc3339(self.closed_at),
        }


def create(connection: Connection, *, name: str) -> Project:
    """Make a project. Raises Conflict where there is one of this name."""
    if not ensure(connection, name=name):
        raise Conflict(f"There already is a project {name}.", code="project_exists")
    return get(connection, name=name)


def ensure(connection: Connection, *, name: str) -> bool:
    """Make a project where there is none of this name; whether there was none."""
    identifier = new_id("prj")
    made = insert_into(connection, projects).values(name=name, id=identifier, created_at=created_at(identifier))
    return connection.execute(made.on_conflict_do_nothing().returning(projects.c.name)).first() is not None


def get(connection: Connection, *, name: str) -> Project:
    """The project of this name. Raises NotFound."""
    row = connection.execute(_GET, {"of_name": name}).one_or_none()
    if row is None:
        raise NotFound(f"There is no project {name}.")
    return _project(row)


def is_open(connection: Connection, *, name: str) -> bool:
    """Whether there is a project of this name that is not closed."""
    row = connection.execute(_GET, {"of_name": name}).one_or_none()
    return row is not None and row.closed_at is None


def listing(connection: Connection, *, page: PageRequest) -> list[Project]:
    """All projects, newest first, up to one more than the page holds."""
    statement = select(projects)
    if page.before is not None:
        statement = statement.where(projects.c.id < page.before)
    rows = connection.execute(statement.order_by(projects.c.id.desc()).limit(page.limit + 1))
    return [_project(row) for row in rows]


def close(connection: Connection, *, name: str) -> Project:
    """Refuse its keys and begin none of its jobs, from now on; doing it again changes nothing. Raises NotFound."""
    connection.execute(
        update(projects).where(projects.c.name == name, projects.c.closed_at.is_(None)).values(closed_at=now())
    )
    return get(connection, name=name)


def reopen(connection: Connection, *, name: str) -> Project:
    """Let a closed project go on. Raises NotFound."""
    connection.execute(update(projects).where(projects.c.name == name).values(closed_at=None))
    return get(connection, name=name)


def held_jobs(connection: Connection, *, name: str) -> list[str]:
    """The project's jobs that workers hold now."""
    return list(
        connection.execute(select(jobs.c.id).where(jobs.c.project == name, jobs.c.status.in_(HELD))).scalars(),
    )


def _project(row: Row[Any]) -> Project:
    return Project(name=row.name, id=row.id, created_at=row.created_at, closed_at=row.closed_at)


_GET = select(projects).where(projects.c.name == bindparam("of_name"))
