"""Jobs and what happens to them. The narrow, hot rows (`job_leases`) are apart from the wide, cold ones (`jobs`)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Double, Index, Integer, String, Table, Text, text

from models.status import TERMINAL, Status
from models.tables.base import job_id, metadata

_STATUSES: Final = ", ".join(f"'{status}'" for status in Status)
_TERMINAL: Final = ", ".join(sorted(f"'{status}'" for status in TERMINAL))

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(200)),
    Column("status", String(16), nullable=False),
    Column("phase", String(32), nullable=False),
    Column("reason", Text),  # {code, message, param, fault}
    Column("pool", String(64), nullable=False),
    Column("device", String(8), nullable=False, server_default="auto"),  # what may take it: auto, cpu, cuda
    Column("priority", Integer, nullable=False),
    Column("labels", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("resolved_spec", Text, nullable=False),
    Column("spec_hash", String(64), nullable=False),
    Column("result", Text),
    Column("warnings", Text, nullable=False),
    Column("progress", Text),  # the last one known once no lease is held
    Column("parent_id", String(48)),
    Column("origin", String(16)),  # how it came from its parent: fork, reproduction
    Column("init_checkpoint_id", String(48)),
    Column("traceparent", String(64)),  # of the request that made it
    Column("created_at", Double, nullable=False),
    Column("queued_at", Double, nullable=False),  # its place in the queue, which a failure of the machine does not cost
    Column("available_at", Double, nullable=False),  # not to be tried before
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("cancel_requested_at", Double),
    Column("stop_requested_at", Double),
    Column("attempt", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("lease_token", String(32)),
    Column("finish_attempt", Integer),
    Column("result_digest", String(64)),
    Column("scratch_attempt", Integer, nullable=False),  # checkpoints of attempts up to this one are not resumed from
    Column("last_checkpoint_step", BigInteger),
    Column("infrastructure_failures", Integer, nullable=False),
    Column("user_failures", Integer, nullable=False),
    Column("stalled_attempts", Integer, nullable=False),
    Column("event_seq", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    CheckConstraint(f"status in ({_STATUSES})", name="status"),
    CheckConstraint(f"(status in ({_TERMINAL})) = (finished_at is not null)", name="finished"),
    Index("ix_jobs_project_id", "project", "id"),
    Index(
        "ix_jobs_project_name_id",
        "project",
        "name",
        "id",
        sqlite_where=text("name is not null"),
        postgresql_where=text("name is not null"),
    ),
    Index(
        "ix_jobs_project_parent_id_id",
        "project",
        "parent_id",
        "id",
        sqlite_where=text("parent_id is not null"),
        postgresql_where=text("parent_id is not null"),
    ),
    Index("ix_jobs_init_checkpoint_id", "init_checkpoint_id"),
    Index("ix_jobs_project_status_id", "project", "status", "id"),
    Index(
        "ix_jobs_claim",
        "pool",
        text("priority desc"),
        "queued_at",
        "id",
        sqlite_where=text("status = 'queued'"),
        postgresql_where=text("status = 'queued'"),
    ),
)

job_labels: Final = Table(
    "job_labels",
    metadata,
    job_id(primary_key=True),
    Column("key", String(63), primary_key=True),
    Column("value", String(256), nullable=False),
    Index("ix_job_labels_key_value_job_id", "key", "value", "job_id"),
)

job_leases: Final = Table(
    "job_leases",
    metadata,
    job_id(primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("lease_token", String(32), nullable=False),
    Column("hb_seq", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("step", BigInteger),
    Column("progress", Text),
    postgresql_with={"fillfactor": "70"},
)

attempts: Final = Table(
    "attempts",
    metadata,
    job_id(primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("worker_id", String(48), nullable=False),
    Column("worker", String(200), nullable=False),
    Column("device", String(64), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("outcome", String(16)),
    Column("reason", Text),
    Column("resumed_from_step", BigInteger),
    Column("checkpoint_step", BigInteger),  # the job's newest checkpoint when the attempt began
    Index(
        "ix_attempts_open",
        "worker_id",
        sqlite_where=text("ended_at is null"),
        postgresql_where=text("ended_at is null"),
    ),
)

events: Final = Table(
    "events",
    metadata,
    job_id(primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("id", String(48), nullable=False),
    Column("type", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("data", Text, nullable=False),
)

#: A doorbell lives from the transaction that queues a job to the one that claims it.
doorbells: Final = Table(
    "doorbells",
    metadata,
    job_id(primary_key=True),
    Column("pool", String(64), nullable=False),
    Column("due_at", Double, nullable=False),
    Index("ix_doorbells_due_at", "due_at"),
)
