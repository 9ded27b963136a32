"""Questions to networks"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('predictions',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('pool', sa.String(length=64), nullable=False),
    sa.Column('location', sa.Text(), nullable=False),
    sa.Column('manifest_sha256', sa.String(length=64), nullable=False),
    sa.Column('question', sa.Text(), nullable=False),
    sa.Column('characters', sa.BigInteger(), nullable=False),
    sa.Column('deadline_at', sa.Double(), nullable=False),
    sa.Column('claimed_by', sa.String(length=48), nullable=True),
    sa.Column('claimed_until', sa.Double(), nullable=True),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('is_answered', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_predictions_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_predictions'))
    )
    with op.batch_alter_table('predictions', schema=None) as batch_op:
        batch_op.create_index('ix_predictions_deadline_at', ['deadline_at'], unique=False)
        batch_op.create_index('ix_predictions_job_id', ['job_id'], unique=False)
        batch_op.create_index('ix_predictions_open', ['pool', 'id'], unique=False, sqlite_where=sa.text('not is_answered'), postgresql_where=sa.text('not is_answered'))


def downgrade() -> None:
    op.drop_table('predictions')
