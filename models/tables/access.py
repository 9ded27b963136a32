"""Who may do what, how much of it, and what was done: keys, projects, their quotas and use, the audit log."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table, Text

from models.tables.base import metadata

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("last_used_at", Double),
    Column("rotated_at", Double),
    Column("previous_sha256", String(64)),  # of the secret before the rotation
    Column("previous_until", Double),
    Index("ix_api_keys_project_id", "project", "id"),
)

projects: Final = Table(
    "projects",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("id", String(48), nullable=False),  # what lists are sorted by
    Column("created_at", Double, nullable=False),
    Column("closed_at", Double),
    Index("uq_projects_id", "id", unique=True),
)

#: The project `*` holds what applies to those without a row of their own; a limit that is null allows any amount.
quotas: Final = Table(
    "quotas",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("most", BigInteger),
)

#: Written when an attempt ends, so that deleting the job gives nothing back.
gpu_usage: Final = Table(
    "gpu_usage",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("month", String(7), primary_key=True),  # 2026-11
    Column("seconds", Double, nullable=False),
)

#: Triggers keep its rows from being changed, and young ones from being deleted.
audit_log: Final = Table(
    "audit_log",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("at", Double, nullable=False),
    Column("project", String(64)),  # null: nobody is known to have asked
    Column("actor", String(300)),
    Column("operation", String(64), nullable=False),
    Column("resource", String(200)),
    Column("address", String(64)),
    Column("request_id", String(128)),
    Column("outcome", String(16), nullable=False),  # done, refused
    Column("status", Integer),  # of a refusal
    Column("unrecorded", Integer, nullable=False),  # refusals before this one that were too many to be written
    Index("ix_audit_log_project_id", "project", "id"),
    Index("ix_audit_log_at", "at"),
)
