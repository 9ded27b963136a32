"""Datasets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.schemas.common import Id, Reason, Shape
from models.profile import Profile
from models.spec.job import Name


class DatasetDeclaration(Shape):
    """What is about to be uploaded."""

    name: Annotated[Name, Field(min_length=1, description="For people; it need not be unique.", examples=["adult"])]
    format: str = Field(description="One of the `formats` of `/v1/catalogue`.", examples=["csv"])
    bytes: int | None = Field(
        None, gt=0, description="Size of the whole content; not with `url`, which says it itself."
    )
    url: str | None = Field(
        None,
        min_length=1,
        max_length=2000,
        description="Where the service fetches the content itself, if TRAINYARD_DATASET_URLS allows it: an address, or "
        "`public:mnist`, `public:fashion_mnist` or `public:cifar10`.",
    )
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="Checked on arrival when given.")
    options: dict[str, Any] = Field({}, description="What the format needs to know; `/v1/catalogue` lists it.")

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.bytes is None) is (self.url is None):
            raise ValueError("give bytes and send the content, or give the url that it is to be fetched from")
        return self


class DatasetSource(Shape):
    """Where a dataset's content was fetched from, without the query of the URL, which may hold a secret."""

    url: str


class Dataset(BaseModel):
    """Data to train on."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str
    format: str
    options: dict[str, Any]
    status: str = Field(description="`awaiting_content`, `profiling`, `ready` or `invalid`.")
    reason: Reason | None
    bytes: int = Field(description="0 while the source of an import has not told it.")
    received_bytes: int
    sha256: str | None
    profile: Profile | None
    source: DatasetSource | None = Field(None, description="Where the service fetches it from; null for an upload.")
    created_at: datetime


class DatasetPage(Shape):
    """Datasets, newest first."""

    data: list[Dataset]
    next_cursor: str | None
