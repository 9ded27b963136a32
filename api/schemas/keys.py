"""API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from api.schemas.common import Id, Shape
from models.keys import SCOPES
from models.spec.job import Name


def _in_the_future(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise ValueError("lies in the past")
    return moment


Later = Annotated[AwareDatetime, AfterValidator(_in_the_future)]


class KeyRequest(Shape):
    """A key to be made."""

    name: Annotated[Name, Field(min_length=1)]
    scopes: list[Literal[SCOPES]] = Field(min_length=1, examples=[["jobs:read", "jobs:write"]])  # type: ignore[valid-type]
    project: str | None = Field(
        None, pattern="^[a-z0-9][a-z0-9_-]{0,62}$", description="Default: the project of the key that asks."
    )
    expires_at: Later | None = Field(None, description="Default: never.")


class Key(BaseModel):
    """An API key without its secret."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str
    project: str
    scopes: list[str]
    created_at: datetime


class NewKey(Key):
    """A key, with its secret for the only time."""

    key: str = Field(description="`ty_<id>_<secret>`. It is not stored and cannot be shown again.")


class KeyPage(Shape):
    """Keys, newest first."""

    data: list[Key]
    next_cursor: str | None
