"""Where the content of a dataset is fetched from"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('datasets', sa.Column('source_url', sa.Text(), nullable=True))
    op.add_column('datasets', sa.Column('source_tag', sa.String(length=256), nullable=True))


def downgrade() -> None:
    op.drop_column('datasets', 'source_tag')
    op.drop_column('datasets', 'source_url')
