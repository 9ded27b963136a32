"""Specs that a worker tries"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('dry_runs',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('pool', sa.String(length=64), nullable=False),
    sa.Column('device', sa.String(length=8), nullable=False),
    sa.Column('sent', sa.Text(), nullable=False),
    sa.Column('resolved', sa.Text(), nullable=False),
    sa.Column('deadline_at', sa.Double(), nullable=False),
    sa.Column('claimed_by', sa.String(length=48), nullable=True),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('is_answered', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dry_runs'))
    )
    op.create_index('ix_dry_runs_deadline_at', 'dry_runs', ['deadline_at'], unique=False)
    op.create_index('ix_dry_runs_pool_id', 'dry_runs', ['pool', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('dry_runs')
