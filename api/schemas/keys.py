"""API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from api.schemas.common import Id, Shape
from models.keys import LONGEST_GRACE_SECONDS
from models.principal import SCOPES, WILDCARDS
from models.projects import NAME
from models.spec.job import Name


def _in_the_future(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise ValueError("lies in the past")
    return moment


Later = Annotated[AwareDatetime, AfterValidator(_in_the_future)]


class KeyRequest(Shape):
    """A key to be made."""

    name: Annotated[Name, Field(min_length=1, description="For people; it need not be unique.")]
    scopes: list[Literal[(*SCOPES, *WILDCARDS)]] = Field(  # type: ignore[valid-type]
        min_length=1,
        description="None that the key that asks lacks. `admin` holds all others but `operator`, which holds all.",
        examples=[["jobs:read", "jobs:write"]],
    )
    project: str | None = Field(
        None,
        pattern=NAME,
        description="Default: the project of the key that asks. Another one needs `operator`, and is made where there "
        "is none of the name.",
    )
    expires_at: Later | None = Field(
        None, description="Default: never. A key that expires makes none that lives longer than itself."
    )


class RotationRequest(Shape):
    """How a key is to change its secret."""

    grace_seconds: int = Field(
        86400,
        ge=0,
        le=LONGEST_GRACE_SECONDS,
        description="How long the secret that it has is good besides the new one; 0: no longer.",
    )


class Key(BaseModel):
    """An API key without its secret."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str
    project: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute, and up to half a minute late.")
    rotated_at: datetime | None
    previous_until: datetime | None = Field(description="Until when the secret before the rotation is good as well.")


class NewKey(Key):
    """A key, with its secret for the only time."""

    key: str = Field(description="`ty_<id>_<secret>`. It is not stored and cannot be shown again.")


class KeyPage(Shape):
    """Keys, newest first."""

    data: list[Key]
    next_cursor: str | None
