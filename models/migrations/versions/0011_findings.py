"""Findings of the diagnosis"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('findings',
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('rule', sa.String(length=40), nullable=False),
    sa.Column('step', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_findings_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('job_id', 'rule', name=op.f('pk_findings'))
    )


def downgrade() -> None:
    op.drop_table('findings')
