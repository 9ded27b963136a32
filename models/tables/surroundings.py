"""What jobs are made of and who works with them: datasets, workers, answers kept, and the service's own secrets."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Integer, String, Table, Text

from models.tables.base import job_id, metadata

datasets: Final = Table(
    "datasets",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("format", String(32), nullable=False),
    Column("options", Text, nullable=False),
    Column("status", String(24), nullable=False),
    Column("reason", Text),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64)),  # declared, then measured
    Column("received_bytes", BigInteger, nullable=False),
    Column("location", Text),
    Column("profile", Text),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("source_url", Text),  # where the service fetches the content itself
    Column("source_tag", String(256)),  # the entity tag of what has arrived of it so far
    Index("ix_datasets_project_id", "project", "id"),
    Index("ix_datasets_status", "status"),
    Index("ix_datasets_location", "location"),
)

job_datasets: Final = Table(
    "job_datasets",
    metadata,
    job_id(primary_key=True),
    Column("dataset_id", String(48), ForeignKey("datasets.id"), primary_key=True),
    Index("ix_job_datasets_dataset_id", "dataset_id"),
)

idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("operation", String(200), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer),
    Column("body", Text),
    Column("headers", Text),
    Column("created_at", Double, nullable=False),
    Index("ix_idempotency_created_at", "created_at"),
)

workers: Final = Table(
    "workers",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("node", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    Column("pool", String(64), nullable=False),
    Column("slots", Integer, nullable=False),
    Column("devices", Text, nullable=False),
    Column("versions", Text, nullable=False),
    Column("utilisation", Text, nullable=False),
    Column("draining", Boolean, nullable=False),
    Column("quarantined", Text, nullable=False, server_default="[]"),
    Column("started_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Index("ix_workers_seen_at", "seen_at"),
)

service_secrets: Final = Table(
    "service_secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(128), nullable=False),
)
