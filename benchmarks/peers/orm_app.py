"""The textbook service that ours is compared with: FastAPI, a pydantic spec in, a SQLAlchemy ORM session, a job out.

It is the shape of the tutorials: sync endpoints, one session a request, a response model. It does less than ours: no
key is checked, no data is looked up, there are no events, no doorbell, no ETag and no limits. What it answers is as
durable: SQLite with a write-ahead log and a full sync at each commit.

    DATABASE_URL=sqlite:///jobs.db uvicorn --app-dir benchmarks/peers orm_app:app
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import JSON, DateTime, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

engine = create_engine(os.environ["DATABASE_URL"], pool_size=64)  # by the default of 5 it fails under load
new_session = sessionmaker(engine)


@event.listens_for(engine, "connect")
def _configure(connection: Any, _record: Any) -> None:
    if engine.dialect.name == "sqlite":
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")


class Base(DeclarativeBase):
    """The tables of this service."""


class JobRow(Base):
    """A job as it is stored."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16), index=True)
    labels: Mapped[dict[str, str]] = mapped_column(JSON)
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    progress: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(DateTime)
    started_at: Mapped[datetime | None] = mapped_column(DateTime)
    finished_at: Mapped[datetime | None] = mapped_column(DateTime)


class Section(BaseModel):
    """What every section of a spec has in common."""

    model_config = ConfigDict(extra="forbid")


class Split(Section):
    """How the rows are divided."""

    type: Literal["auto", "random", "stratified"] = "auto"
    train: float = Field(0.7, gt=0, lt=1)
    validation: float = Field(0.15, gt=0, lt=1)
    test: float = Field(0.15, gt=0, lt=1)


class Data(Section):
    """What to learn from."""

    dataset: str
    target: str | None = None
    features: dict[str, Any] = {}
    split: Split = Split()
    memory_megabytes: int = Field(1024, gt=0)


class Network(Section):
    """What learns."""

    type: Literal["mlp", "cnn", "recurrent"] = "mlp"
    hidden: list[int] = [128, 128]
    activation: Literal["relu", "gelu", "tanh"] = "relu"
    normalization: Literal["none", "batch", "layer"] = "none"
    dropout: float = Field(0.0, ge=0, lt=1)


class Optimizer(Section):
    """How it learns."""

    type: Literal["sgd", "adam", "adamw"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.01, ge=0)


class Training(Section):
    """For how long."""

    epochs: int = Field(10, gt=0)
    batch_size: int | Literal["auto"] = "auto"
    clip_norm: float | None = None
    seed: int = 0


class Resources(Section):
    """Where."""

    pool: str = "default"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | Literal["auto"] = "auto"


class JobIn(Section):
    """A spec as it is sent."""

    name: str | None = Field(None, max_length=200)
    labels: dict[str, str] = {}
    data: Data
    network: Network = Network()
    optimizer: Optimizer = Optimizer()
    training: Training = Training()
    resources: Resources = Resources()
    priority: int = Field(0, ge=-1000, le=1000)


class JobOut(BaseModel):
    """A job as it is shown."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str | None
    status: str
    labels: dict[str, str]
    spec: JobIn
    progress: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def session() -> Iterator[Session]:
    """One session for a request."""
    with new_session() as opened:
        yield opened


SessionDep = Annotated[Session, Depends(session)]

app = FastAPI()
Base.metadata.create_all(engine)


@app.post("/jobs", status_code=201, response_model=JobOut)
def create_job(job: JobIn, session: SessionDep) -> JobRow:
    """Store a job."""
    row = JobRow(
        id=str(uuid.uuid4()),
        name=job.name,
        status="queued",
        labels=job.labels,
        spec=job.model_dump(mode="json"),
        progress={"fraction": 0.0, "epoch": None, "step": None},
        created_at=datetime.now(UTC),
    )
    session.add(row)
    session.commit()
    session.refresh(row)
    return row


@app.get("/jobs/{job_id}", response_model=JobOut)
def get_job(job_id: str, session: SessionDep) -> JobRow:
    """One job."""
    row = session.get(JobRow, job_id)
    if row is None:
        raise HTTPException(404, "no such job")
    return row
