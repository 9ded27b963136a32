"""Projects, what they may take, and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.common import Id, Shape
from models.projects import NAME

Limit = Annotated[
    Annotated[int, Field(ge=0)] | Literal["unlimited"] | None,
    Field(description="A number, `unlimited`, or null: the service's default."),
]


class Limits(Shape):
    """What a project may take, where it is not the default."""

    queued_jobs: Limit = None
    running_jobs: Limit = None
    dataset_bytes: Limit = None
    gpu_seconds: Limit = None


class ProjectRequest(Shape):
    """A project to be made."""

    name: str = Field(pattern=NAME, description="By which it is called, in paths too.")
    quotas: Limits = Field(default_factory=Limits, description="Limits of its own.")


class ProjectChanges(Shape):
    """Limits to be changed; those that are left out stay."""

    quotas: Limits = Field(description="Limits to be changed.")


class QuotaUse(Shape):
    """What is taken of something, and what may be."""

    used: int
    limit: int | None = Field(description="null: any amount.")
    source: Literal["project", "default"] = Field(description="Whether the limit is the project's own.")


class GpuQuotaUse(QuotaUse):
    """GPU time of this calendar month."""

    resets_at: datetime


class QuotaUses(Shape):
    """What a project takes."""

    queued_jobs: QuotaUse
    running_jobs: QuotaUse
    dataset_bytes: QuotaUse
    gpu_seconds: GpuQuotaUse


class ProjectSummary(Shape):
    """A project."""

    name: str
    id: Id
    created_at: datetime
    closed_at: datetime | None = Field(description="Since when its keys are refused and none of its jobs is begun.")


class Project(ProjectSummary):
    """A project, with what it takes and may take."""

    quotas: QuotaUses


class ProjectPage(Shape):
    """Projects, newest first."""

    data: list[ProjectSummary]
    next_cursor: str | None


class AuditLine(Shape):
    """Something that was done, or refused."""

    id: Id
    at: datetime
    project: str | None = Field(description="null where nobody is known to have asked.")
    actor: str | None = Field(description="A key's id, `oidc:` and the subject of a token, or `service`.")
    operation: str = Field(description="The operation's id in this document.", examples=["create_job"])
    resource: str | None = Field(description="What it was about: the identifiers in the address, or the one made.")
    address: str | None
    request_id: str | None = Field(description="The `X-Request-ID` of the answer.")
    outcome: Literal["done", "refused"]
    status: int | None = Field(description="Of a refusal: 401, 403, 404, 409 or 429.")
    unrecorded: int = Field(description="Refusals before this one that came too fast to be written down.")


class AuditPage(Shape):
    """The audit log, newest first."""

    data: list[AuditLine]
    next_cursor: str | None
