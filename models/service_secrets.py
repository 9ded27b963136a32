"""Secrets that the service makes for itself and that all its processes share, such as the one that seals cursors."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, select

from models.tables import service_secrets
from models.upserts import insert_into


def obtain(connection: Connection, name: str) -> str:
    """The secret of this name, made at its first use. Needs a write transaction."""
    made = insert_into(connection, service_secrets).values(name=name, value=secrets.token_hex(32))
    connection.execute(made.on_conflict_do_nothing())
    value: str = connection.execute(
        select(service_secrets.c.value).where(service_secrets.c.name == name),
    ).scalar_one()
    return value
