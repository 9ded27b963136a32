"""Webhooks, and what they are owed: one delivery per endpoint and event, written with the event itself."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, String, Table, Text, text

from models.tables.base import metadata

webhooks: Final = Table(
    "webhooks",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("url", String(2048), nullable=False),
    Column("description", String(200), nullable=False),
    Column("format", String(16), nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("disabled_reason", String(16)),
    Column("secret", String(128), nullable=False),
    Column("previous_secret", String(128)),
    Column("previous_until", Double),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index("ix_webhooks_project_id", "project", "id"),
)

#: The event types that an endpoint wants; `*` stands for all.
webhook_events: Final = Table(
    "webhook_events",
    metadata,
    Column("webhook_id", String(48), ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    Column("type", String(64), primary_key=True),
    Index("ix_webhook_events_type", "type"),
)

#: Carries all that is sent, so that deleting the job loses no delivery.
webhook_deliveries: Final = Table(
    "webhook_deliveries",
    metadata,
    Column("webhook_id", String(48), ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    Column("event_id", String(48), primary_key=True),
    Column("job_id", String(48)),  # null for a test event
    Column("job_name", String(200)),
    Column("seq", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("data", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("sent_at", Double),  # of the newest attempt
    Column("response_status", Integer),
    Column("error", String(500)),
    Index(
        "ix_webhook_deliveries_due",
        "due_at",
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
    Index("ix_webhook_deliveries_order", "webhook_id", "job_id", "seq"),
)
