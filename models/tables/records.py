"""What a job leaves behind: metrics in packed chunks, histograms, its log, its checkpoints."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from models.tables.base import job_id, metadata

metric_series: Final = Table(
    "metric_series",
    metadata,
    Column("id", String(48), primary_key=True),
    job_id(),
    Column("name", String(200), nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("last_value", Double),  # null is NaN, which SQLite cannot store
    Column("minimum", Double),  # null: no number so far, only NaN
    Column("minimum_step", BigInteger),
    Column("maximum", Double),
    Column("maximum_step", BigInteger),
    Index("uq_metric_series_job_id_name", "job_id", "name", unique=True),
)

metric_chunks: Final = Table(
    "metric_chunks",
    metadata,
    Column("series_id", String(48), ForeignKey("metric_series.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("first_step", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("points", Integer, nullable=False),
    Column("minimum", Double),
    Column("maximum", Double),
    Column("packed", LargeBinary, nullable=False),
)

histograms: Final = Table(
    "histograms",
    metadata,
    job_id(primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("packed", LargeBinary, nullable=False),
)

findings: Final = Table(
    "findings",
    metadata,
    job_id(primary_key=True),
    Column("rule", String(40), primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("at", Double, nullable=False),
    Column("document", Text, nullable=False),
)

log_chunks: Final = Table(
    "log_chunks",
    metadata,
    job_id(primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

checkpoints: Final = Table(
    "checkpoints",
    metadata,
    Column("id", String(48), primary_key=True),
    job_id(),
    Column("attempt", Integer, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("is_best", Boolean, nullable=False),
    Column("is_final", Boolean, nullable=False),
    Column("is_corrupt", Boolean, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("location", Text, nullable=False),  # key in the artifact store
    Column("manifest_sha256", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Index("ix_checkpoints_job_id_step", "job_id", "step"),
)
