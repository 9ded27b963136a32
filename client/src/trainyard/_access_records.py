"""The shapes of projects and of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ._documents import Document


@dataclass(frozen=True, kw_only=True)
class Project(Document):
    """A project. `quotas` tells `used`, `limit` and `source` by the quota's name; lists leave it out."""

    name: str = ""
    id: str = ""
    created_at: datetime | None = None
    closed_at: datetime | None = None
    quotas: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AuditLine(Document):
    """Something that was done, or refused: `status` is that of the refusal."""

    id: str = ""
    at: datetime | None = None
    project: str | None = None
    actor: str | None = None
    operation: str = ""
    resource: str | None = None
    address: str | None = None
    request_id: str | None = None
    outcome: str = ""
    status: int | None = None
    unrecorded: int = 0
