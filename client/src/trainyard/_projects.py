"""Projects and their quotas, and the log of what was changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from json import dumps
from typing import Literal

from ._access_records import AuditLine, Project
from ._pagination import listing
from ._transport import Transport

Limit = int | Literal["unlimited"] | None


class Projects:
    """`client.projects`; needs a key of scope operator, but for reading the key's own project."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, **quotas: Limit) -> Project:
        """Make a project, with limits of its own: `running_jobs=4`. Raises Conflict where there is one."""
        return Project.parse(self._transport.post("/v1/projects", body={"name": name, "quotas": quotas}))

    def get(self, name: str) -> Project:
        """A project with what it takes and may take. Raises NotFound."""
        return Project.parse(self._transport.get(f"/v1/projects/{name}"))

    def list(self) -> Iterator[Project]:
        """All projects, newest first."""
        return (Project.parse(document) for document in listing(self._transport, "/v1/projects"))

    def limit(self, name: str, **quotas: Limit) -> Project:
        """Change what a project may take: a number, "unlimited", or None for the service's default. Raises NotFound."""
        response = self._transport.request(
            "PATCH",
            f"/v1/projects/{name}",
            content=dumps({"quotas": quotas}, allow_nan=False).encode(),
            headers={"Content-Type": "application/json"},
        )
        return Project.parse(self._transport.json(response))

    def close(self, name: str) -> Project:
        """Put a project to sleep: no key of it is good, nothing of it is begun. Raises NotFound, and Conflict for the
        key's own.
        """
        return Project.parse(self._transport.post(f"/v1/projects/{name}/close", may_repeat=False))

    def open(self, name: str) -> Project:
        """Let a closed project go on. Raises NotFound."""
        return Project.parse(self._transport.post(f"/v1/projects/{name}/open", may_repeat=False))


class Audit:
    """`client.audit`; needs a key of scope admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        project: str | None = None,
        actor: str | None = None,
        operation: str | None = None,
        resource: str | None = None,
        outcome: Literal["done", "refused"] | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[AuditLine]:
        """What was changed and what was refused, newest first."""
        wanted = {
            "project": project,
            "actor": actor,
            "operation": operation,
            "resource": resource,
            "outcome": outcome,
            "after": None if after is None else after.astimezone().isoformat(),
            "before": None if before is None else before.astimezone().isoformat(),
        }
        params = {name: value for name, value in wanted.items() if value is not None}
        found = listing(self._transport, "/v1/audit", params=params, limit=limit)
        return (AuditLine.parse(document) for document in found)
