"""Histograms of weights and gradients"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('histograms',
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('step', sa.BigInteger(), nullable=False),
    sa.Column('packed', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_histograms_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('job_id', 'step', name=op.f('pk_histograms'))
    )


def downgrade() -> None:
    op.drop_table('histograms')
