"""Projects, quotas, rotated keys and the audit log"""

import time

import sqlalchemy as sa
from alembic import op

from models.identifiers import new_id

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

projects = sa.table('projects', *[sa.column(name) for name in ('name', 'id', 'created_at')])

# No row younger than this can be deleted, whatever the retention says.
YOUNG_SECONDS = 30 * 86400

SQLITE_TRIGGERS = (
    "create trigger audit_log_is_never_changed before update on audit_log"
    " begin select raise(abort, 'the audit log is append-only'); end",
    "create trigger audit_log_is_kept before delete on audit_log"
    f" when old.at > (julianday('now') - 2440587.5) * 86400.0 - {YOUNG_SECONDS}"
    " begin select raise(abort, 'the audit log is append-only'); end",
)
POSTGRESQL_TRIGGERS = (
    "create function audit_log_refuses() returns trigger language plpgsql as $$"
    " begin raise exception 'the audit log is append-only' using errcode = 'restrict_violation'; end $$",
    "create trigger audit_log_is_never_changed before update on audit_log"
    " for each row execute function audit_log_refuses()",
    "create trigger audit_log_is_kept before delete on audit_log for each row"
    f" when (old.at > extract(epoch from clock_timestamp()) - {YOUNG_SECONDS}) execute function audit_log_refuses()",
    "create trigger audit_log_is_never_emptied before truncate on audit_log"
    " for each statement execute function audit_log_refuses()",
)


def upgrade() -> None:
    op.add_column('api_keys', sa.Column('rotated_at', sa.Double(), nullable=True))
    op.add_column('api_keys', sa.Column('previous_sha256', sa.String(length=64), nullable=True))
    op.add_column('api_keys', sa.Column('previous_until', sa.Double(), nullable=True))
    # Whoever ran the service until now goes on doing so.
    op.execute("""update api_keys set scopes = '["admin","operator"]' where project = 'default' and scopes like '%"admin"%'""")
    op.create_table('projects',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('closed_at', sa.Double(), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_projects'))
    )
    op.create_index('uq_projects_id', 'projects', ['id'], unique=True)
    op.create_table('quotas',
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=32), nullable=False),
    sa.Column('most', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('project', 'name', name=op.f('pk_quotas'))
    )
    op.create_table('gpu_usage',
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('month', sa.String(length=7), nullable=False),
    sa.Column('seconds', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('project', 'month', name=op.f('pk_gpu_usage'))
    )
    op.create_table('audit_log',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('project', sa.String(length=64), nullable=True),
    sa.Column('actor', sa.String(length=300), nullable=True),
    sa.Column('operation', sa.String(length=64), nullable=False),
    sa.Column('resource', sa.String(length=200), nullable=True),
    sa.Column('address', sa.String(length=64), nullable=True),
    sa.Column('request_id', sa.String(length=128), nullable=True),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('unrecorded', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_log'))
    )
    op.create_index('ix_audit_log_project_id', 'audit_log', ['project', 'id'], unique=False)
    op.create_index('ix_audit_log_at', 'audit_log', ['at'], unique=False)
    _open_projects()
    is_sqlite = op.get_bind().dialect.name == 'sqlite'
    for trigger in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.execute(trigger)


def _open_projects() -> None:
    """Every project that something belongs to, and the first one."""
    connection = op.get_bind()
    names = {'default'}
    for table in ('jobs', 'datasets', 'webhooks', 'api_keys'):
        names |= set(connection.execute(sa.text(f'select distinct project from {table}')).scalars())
    rows = [{'name': name, 'id': new_id('prj'), 'created_at': time.time()} for name in sorted(names)]
    connection.execute(sa.insert(projects), rows)


def downgrade() -> None:
    op.drop_table('audit_log')
    if op.get_bind().dialect.name != 'sqlite':
        op.execute('drop function audit_log_refuses()')
    for table in ('gpu_usage', 'quotas', 'projects'):
        op.drop_table(table)
    for column in ('previous_until', 'previous_sha256', 'rotated_at'):
        op.drop_column('api_keys', column)
