"""Claims by device"""

import json

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

jobs = sa.table("jobs", sa.column("id"), sa.column("status"), sa.column("spec"), sa.column("device"))


def upgrade() -> None:
    op.add_column("jobs", sa.Column("device", sa.String(length=8), nullable=False, server_default="auto"))
    connection = op.get_bind()
    over = ("succeeded", "failed", "cancelled")
    for row in connection.execute(sa.select(jobs.c.id, jobs.c.spec).where(jobs.c.status.not_in(over))).all():
        device = (json.loads(row.spec).get("resources") or {}).get("device", "auto")
        connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(device=device))


def downgrade() -> None:
    op.drop_column("jobs", "device")
