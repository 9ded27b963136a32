"""Workers, the catalogue, health and version."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.common import Id, Shape


class Worker(BaseModel):
    """A worker that has been heard of lately."""

    model_config = ConfigDict(extra="allow")

    id: Id
    name: str
    pool: str


class WorkerList(Shape):
    """Every live worker."""

    data: list[Worker]


class CatalogueField(Shape):
    """A field that an entry has."""

    name: str
    description: str
    default: Any
    required: bool


class CatalogueEntry(Shape):
    """Something that a spec may name by its `type`."""

    type: str
    description: str
    fields: list[CatalogueField]


class CatalogueSample(Shape):
    """A dataset that ships with the service."""

    name: str
    description: str
    kind: str
    rows: int
    task: str
    target: str | None
    licence: str
    source_url: str


class Catalogue(BaseModel):
    """What a spec may name. More kinds of entries may come beside these."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, list[CatalogueEntry]]

    networks: list[CatalogueEntry]
    losses: list[CatalogueEntry]
    optimizers: list[CatalogueEntry]
    schedules: list[CatalogueEntry]
    formats: list[CatalogueEntry]
    samples: list[CatalogueSample]


class Health(Shape):
    """The process is alive."""

    status: Literal["ok"]


class Readiness(Shape):
    """Whether requests can be served now."""

    status: Literal["ready", "unready"]
    failing: list[str] = Field(description="The parts that are not `ok`; a `broker` alone makes nothing unready.")
    checks: dict[str, str] = Field(
        description="`ok`, or what is wrong with a part.",
        examples=[{"database": "ok", "migrations": "ok", "broker": "ok", "artifacts": "ok", "sweeps": "ok"}],
    )


class Version(Shape):
    """Which service this is."""

    name: str
    version: str
    api: str
