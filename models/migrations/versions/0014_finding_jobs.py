"""Jobs are found by name and by parent without looking at the others"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'ix_jobs_project_name_id',
        'jobs',
        ['project', 'name', 'id'],
        sqlite_where=sa.text('name is not null'),
        postgresql_where=sa.text('name is not null'),
    )
    op.create_index(
        'ix_jobs_project_parent_id_id',
        'jobs',
        ['project', 'parent_id', 'id'],
        sqlite_where=sa.text('parent_id is not null'),
        postgresql_where=sa.text('parent_id is not null'),
    )
    op.drop_index('ix_jobs_parent_id', table_name='jobs')


def downgrade() -> None:
    op.create_index('ix_jobs_parent_id', 'jobs', ['parent_id'])
    op.drop_index('ix_jobs_project_parent_id_id', table_name='jobs')
    op.drop_index('ix_jobs_project_name_id', table_name='jobs')
