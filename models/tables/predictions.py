"""Questions to networks and their answers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, String, Table, Text, text

from models.tables.base import job_id, metadata

#: A question lives for seconds: from the request that asks to a little after its deadline.
predictions: Final = Table(
    "predictions",
    metadata,
    Column("id", String(48), primary_key=True),
    job_id(),
    Column("pool", String(64), nullable=False),
    Column("location", Text, nullable=False),  # of the checkpoint, in the artifact store
    Column("manifest_sha256", String(64), nullable=False),
    Column("question", Text, nullable=False),  # emptied when it is answered
    Column("characters", BigInteger, nullable=False),
    Column("deadline_at", Double, nullable=False),
    Column("claimed_by", String(48)),
    Column("claimed_until", Double),
    Column("answer", Text),
    Column("is_answered", Boolean, nullable=False),
    Index(
        "ix_predictions_open",
        "pool",
        "id",
        sqlite_where=text("not is_answered"),
        postgresql_where=text("not is_answered"),
    ),
    Index("ix_predictions_job_id", "job_id"),
    Index("ix_predictions_deadline_at", "deadline_at"),
)
