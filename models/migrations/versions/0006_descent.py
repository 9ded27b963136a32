"""Where jobs come from"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('jobs', sa.Column('origin', sa.String(length=16), nullable=True))
    op.add_column('jobs', sa.Column('init_checkpoint_id', sa.String(length=48), nullable=True))
    op.create_index('ix_jobs_parent_id', 'jobs', ['parent_id'], unique=False)
    op.create_index('ix_jobs_init_checkpoint_id', 'jobs', ['init_checkpoint_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_jobs_init_checkpoint_id', 'jobs')
    op.drop_index('ix_jobs_parent_id', 'jobs')
    op.drop_column('jobs', 'init_checkpoint_id')
    op.drop_column('jobs', 'origin')
