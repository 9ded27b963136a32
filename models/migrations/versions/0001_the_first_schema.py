"""The first schema"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('api_keys',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('scopes', sa.Text(), nullable=False),
    sa.Column('secret_sha256', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=True),
    sa.Column('revoked_at', sa.Double(), nullable=True),
    sa.Column('last_used_at', sa.Double(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_keys'))
    )
    with op.batch_alter_table('api_keys', schema=None) as batch_op:
        batch_op.create_index('ix_api_keys_project_id', ['project', 'id'], unique=False)

    op.create_table('datasets',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('format', sa.String(length=32), nullable=False),
    sa.Column('options', sa.Text(), nullable=False),
    sa.Column('status', sa.String(length=24), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=True),
    sa.Column('received_bytes', sa.BigInteger(), nullable=False),
    sa.Column('location', sa.Text(), nullable=True),
    sa.Column('profile', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('updated_at', sa.Double(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_datasets'))
    )
    with op.batch_alter_table('datasets', schema=None) as batch_op:
        batch_op.create_index('ix_datasets_location', ['location'], unique=False)
        batch_op.create_index('ix_datasets_project_id', ['project', 'id'], unique=False)
        batch_op.create_index('ix_datasets_status', ['status'], unique=False)

    op.create_table('idempotency',
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('operation', sa.String(length=200), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('body', sa.Text(), nullable=True),
    sa.Column('headers', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('project', 'key', 'operation', name=op.f('pk_idempotency'))
    )
    with op.batch_alter_table('idempotency', schema=None) as batch_op:
        batch_op.create_index('ix_idempotency_created_at', ['created_at'], unique=False)

    op.create_table('jobs',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('phase', sa.String(length=32), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('pool', sa.String(length=64), nullable=False),
    sa.Column('priority', sa.Integer(), nullable=False),
    sa.Column('labels', sa.Text(), nullable=False),
    sa.Column('spec', sa.Text(), nullable=False),
    sa.Column('resolved_spec', sa.Text(), nullable=False),
    sa.Column('spec_hash', sa.String(length=64), nullable=False),
    sa.Column('result', sa.Text(), nullable=True),
    sa.Column('warnings', sa.Text(), nullable=False),
    sa.Column('progress', sa.Text(), nullable=True),
    sa.Column('parent_id', sa.String(length=48), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('queued_at', sa.Double(), nullable=False),
    sa.Column('available_at', sa.Double(), nullable=False),
    sa.Column('started_at', sa.Double(), nullable=True),
    sa.Column('finished_at', sa.Double(), nullable=True),
    sa.Column('cancel_requested_at', sa.Double(), nullable=True),
    sa.Column('stop_requested_at', sa.Double(), nullable=True),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('lease_token', sa.String(length=32), nullable=True),
    sa.Column('finish_attempt', sa.Integer(), nullable=True),
    sa.Column('result_digest', sa.String(length=64), nullable=True),
    sa.Column('scratch_attempt', sa.Integer(), nullable=False),
    sa.Column('last_checkpoint_step', sa.BigInteger(), nullable=True),
    sa.Column('infrastructure_failures', sa.Integer(), nullable=False),
    sa.Column('user_failures', sa.Integer(), nullable=False),
    sa.Column('stalled_attempts', sa.Integer(), nullable=False),
    sa.Column('event_seq', sa.Integer(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.CheckConstraint("(status in ('cancelled', 'failed', 'succeeded')) = (finished_at is not null)", name=op.f('ck_jobs_finished')),
    sa.CheckConstraint("status in ('queued', 'running', 'pausing', 'paused', 'cancelling', 'succeeded', 'failed', 'cancelled')", name=op.f('ck_jobs_status')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_jobs'))
    )
    with op.batch_alter_table('jobs', schema=None) as batch_op:
        batch_op.create_index(
            'ix_jobs_claim',
            ['pool', sa.text('priority desc'), 'available_at', 'id'],
            unique=False,
            sqlite_where=sa.text("status = 'queued'"),
            postgresql_where=sa.text("status = 'queued'"),
        )
        batch_op.create_index('ix_jobs_project_id', ['project', 'id'], unique=False)
        batch_op.create_index('ix_jobs_project_status_id', ['project', 'status', 'id'], unique=False)

    op.create_table('service_secrets',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('value', sa.String(length=128), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_service_secrets'))
    )
    op.create_table('workers',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('node', sa.String(length=200), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('pool', sa.String(length=64), nullable=False),
    sa.Column('slots', sa.Integer(), nullable=False),
    sa.Column('devices', sa.Text(), nullable=False),
    sa.Column('versions', sa.Text(), nullable=False),
    sa.Column('utilisation', sa.Text(), nullable=False),
    sa.Column('draining', sa.Boolean(), nullable=False),
    sa.Column('started_at', sa.Double(), nullable=False),
    sa.Column('seen_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_workers'))
    )
    with op.batch_alter_table('workers', schema=None) as batch_op:
        batch_op.create_index('ix_workers_seen_at', ['seen_at'], unique=False)

    op.create_table('attempts',
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.String(length=48), nullable=False),
    sa.Column('worker', sa.String(length=200), nullable=False),
    sa.Column('device', sa.String(length=64), nullable=False),
    sa.Column('started_at', sa.Double(), nullable=False),
    sa.Column('ended_at', sa.Double(), nullable=True),
    sa.Column('outcome', sa.String(length=16), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('resumed_from_step', sa.BigInteger(), nullable=True),
    sa.Column('checkpoint_step', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_attempts_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('job_id', 'number', name=op.f('pk_attempts'))
    )
    with op.batch_alter_table('attempts', schema=None) as batch_op:
        batch_op.create_index('ix_attempts_open', ['worker_id'], unique=False, sqlite_where=sa.text('ended_at is null'), postgresql_where=sa.text('ended_at is null'))

    op.create_table('checkpoints',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('step', sa.BigInteger(), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('is_best', sa.Boolean(), nullable=False),
    sa.Column('is_final', sa.Boolean(), nullable=False),
    sa.Column('is_corrupt', sa.Boolean(), nullable=False),
    sa.Column('metrics', sa.Text(), nullable=False),
    sa.Column('files', sa.Text(), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('location', sa.Text(), nullable=False),
    sa.Column('manifest_sha256', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_checkpoints_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_checkpoints'))
    )
    with op.batch_alter_table('checkpoints', schema=None) as batch_op:
        batch_op.create_index('ix_checkpoints_job_id_step', ['job_id', 'step'], unique=False)

    op.create_table('events',
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('type', sa.String(length=64), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('data', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_events_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('job_id', 'seq', name=op.f('pk_events'))
    )
    op.create_table('job_datasets',
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('dataset_id', sa.String(length=48), nullable=False),
    sa.ForeignKeyConstraint(['dataset_id'], ['datasets.id'], name=op.f('fk_job_datasets_dataset_id')),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_job_datasets_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('job_id', 'dataset_id', name=op.f('pk_job_datasets'))
    )
    with op.batch_alter_table('job_datasets', schema=None) as batch_op:
        batch_op.create_index('ix_job_datasets_dataset_id', ['dataset_id'], unique=False)

    op.create_table('job_labels',
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('key', sa.String(length=63), nullable=False),
    sa.Column('value', sa.String(length=256), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_job_labels_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('job_id', 'key', name=op.f('pk_job_labels'))
    )
    with op.batch_alter_table('job_labels', schema=None) as batch_op:
        batch_op.create_index('ix_job_labels_key_value_job_id', ['key', 'value', 'job_id'], unique=False)

    op.create_table('job_leases',
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('lease_token', sa.String(length=32), nullable=False),
    sa.Column('hb_seq', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    sa.Column('step', sa.BigInteger(), nullable=True),
    sa.Column('progress', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_job_leases_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('job_id', name=op.f('pk_job_leases')),
    postgresql_with={'fillfactor': '70'}
    )
    op.create_table('log_chunks',
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('start', sa.BigInteger(), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_log_chunks_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('job_id', 'start', name=op.f('pk_log_chunks'))
    )
    op.create_table('metric_series',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('points', sa.BigInteger(), nullable=False),
    sa.Column('last_step', sa.BigInteger(), nullable=False),
    sa.Column('last_value', sa.Double(), nullable=True),
    sa.Column('minimum', sa.Double(), nullable=True),
    sa.Column('minimum_step', sa.BigInteger(), nullable=True),
    sa.Column('maximum', sa.Double(), nullable=True),
    sa.Column('maximum_step', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_metric_series_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_metric_series'))
    )
    with op.batch_alter_table('metric_series', schema=None) as batch_op:
        batch_op.create_index('uq_metric_series_job_id_name', ['job_id', 'name'], unique=True)

    op.create_table('doorbells',
    sa.Column('job_id', sa.String(length=48), nullable=False),
    sa.Column('pool', sa.String(length=64), nullable=False),
    sa.Column('due_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_doorbells_job_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('job_id', name=op.f('pk_doorbells'))
    )
    with op.batch_alter_table('doorbells', schema=None) as batch_op:
        batch_op.create_index('ix_doorbells_due_at', ['due_at'], unique=False)

    op.create_table('metric_chunks',
    sa.Column('series_id', sa.String(length=48), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('first_step', sa.BigInteger(), nullable=False),
    sa.Column('last_step', sa.BigInteger(), nullable=False),
    sa.Column('points', sa.Integer(), nullable=False),
    sa.Column('minimum', sa.Double(), nullable=True),
    sa.Column('maximum', sa.Double(), nullable=True),
    sa.Column('packed', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['series_id'], ['metric_series.id'], name=op.f('fk_metric_chunks_series_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('series_id', 'number', name=op.f('pk_metric_chunks'))
    )


def downgrade() -> None:
    raise RuntimeError('The first schema has nothing before it: restore a backup instead.')
