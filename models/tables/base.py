"""What all tables share."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, ForeignKey, MetaData, String

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    },
)


def job_id(*, primary_key: bool = False) -> Column[Any]:
    """The column by which a row belongs to a job and goes with it."""
    return Column(
        "job_id", String(48), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False
    )
