"""Places in the queue"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

QUEUED = sa.text("status = 'queued'")


def index_by(column: str) -> None:
    op.drop_index("ix_jobs_claim", table_name="jobs")
    op.create_index(
        "ix_jobs_claim",
        "jobs",
        ["pool", sa.text("priority desc"), column, "id"],
        sqlite_where=QUEUED,
        postgresql_where=QUEUED,
    )


def upgrade() -> None:
    index_by("queued_at")


def downgrade() -> None:
    index_by("available_at")
