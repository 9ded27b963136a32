"""Specs that a worker is asked to try for a few steps, and what it found."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Double, Index, String, Table, Text

from models.tables.base import metadata

#: A row lives for seconds: from the request that asks to its answer, or a little after its deadline.
dry_runs: Final = Table(
    "dry_runs",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("pool", String(64), nullable=False),
    Column("device", String(8), nullable=False),  # what may try it, as in jobs: auto, cpu, cuda
    Column("sent", Text, nullable=False),
    Column("resolved", Text, nullable=False),
    Column("deadline_at", Double, nullable=False),
    Column("claimed_by", String(48)),
    Column("answer", Text),
    Column("is_answered", Boolean, nullable=False),
    Index("ix_dry_runs_pool_id", "pool", "id"),
    Index("ix_dry_runs_deadline_at", "deadline_at"),
)
