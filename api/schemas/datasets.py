"""Datasets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.common import Id, Reason, Shape
from models.profile import Profile
from models.spec.job import Name


class DatasetDeclaration(Shape):
    """What is about to be uploaded."""

    name: Annotated[Name, Field(min_length=1, examples=["adult"])]
    format: str = Field(examples=["csv"])
    bytes: int = Field(gt=0, description="Size of the whole content.")
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="Checked on arrival when given.")
    options: dict[str, Any] = Field({}, description="What the format needs to know; `/v1/catalogue` lists it.")


class Dataset(BaseModel):
    """Data to train on."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str
    format: str
    options: dict[str, Any]
    status: str = Field(description="`awaiting_content`, `profiling`, `ready` or `invalid`.")
    reason: Reason | None
    bytes: int
    received_bytes: int
    sha256: str | None
    profile: Profile | None
    created_at: datetime


class DatasetPage(Shape):
    """Datasets, newest first."""

    data: list[Dataset]
    next_cursor: str | None
