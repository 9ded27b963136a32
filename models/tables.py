"""The tables. Times are seconds since the epoch, documents are JSON text that passes through untouched, one schema on
both databases.

The hot, narrow rows (`job_leases`, `metric_chunks`) are kept apart from the wide, cold ones (`jobs`), so that a
heartbeat never rewrites a spec.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from models.status import TERMINAL, Status

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    },
)

_STATUSES: Final = ", ".join(f"'{status}'" for status in Status)
_TERMINAL: Final = ", ".join(sorted(f"'{status}'" for status in TERMINAL))


def _job_id(*, primary_key: bool = False) -> Column[Any]:
    return Column(
        "job_id", String(48), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False
    )


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
    Column("priority", Integer, nullable=False),
    Column("labels", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("resolved_spec", Text, nullable=False),
    Column("spec_hash", String(64), nullable=False),
    Column("result", Text),
    Column("warnings", Text, nullable=False),
    Column("progress", Text),  # the last one known once no lease is held
    Column("parent_id", String(48)),
    Column("created_at", Double, nullable=False),
    Column("queued_at", Double, nullable=False),
    Column("available_at", Double, nullable=False),
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
    Index("ix_jobs_project_status_id", "project", "status", "id"),
    Index(
        "ix_jobs_claim",
        "pool",
        text("priority desc"),
        "available_at",
        "id",
        sqlite_where=text("status = 'queued'"),
        postgresql_where=text("status = 'queued'"),
    ),
)

job_labels: Final = Table(
    "job_labels",
    metadata,
    _job_id(primary_key=True),
    Column("key", String(63), primary_key=True),
    Column("value", String(256), nullable=False),
    Index("ix_job_labels_key_value_job_id", "key", "value", "job_id"),
)

job_leases: Final = Table(
    "job_leases",
    metadata,
    _job_id(primary_key=True),
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
    _job_id(primary_key=True),
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
    _job_id(primary_key=True),
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
    _job_id(primary_key=True),
    Column("pool", String(64), nullable=False),
    Column("due_at", Double, nullable=False),
    Index("ix_doorbells_due_at", "due_at"),
)

metric_series: Final = Table(
    "metric_series",
    metadata,
    Column("id", String(48), primary_key=True),
    _job_id(),
    Column("name", String(200), nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("last_value", Double),  # null is NaN, which SQLite cannot store
    Column("minimum", Double),  # null: no number so far, only NaN
    Column("minimum_step", BigInteger),
    Column("maximum", Double),
    Column("maximum_step", BigInteger),
    Index("uq_metric_series_job_id_name", "job_id", "name", unique=True),
)

metric_chunks: Final = Table(
    "metric_chunks",
    metadata,
    Column("series_id", String(48), ForeignKey("metric_series.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("first_step", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("points", Integer, nullable=False),
    Column("minimum", Double),
    Column("maximum", Double),
    Column("packed", LargeBinary, nullable=False),
)

log_chunks: Final = Table(
    "log_chunks",
    metadata,
    _job_id(primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

checkpoints: Final = Table(
    "checkpoints",
    metadata,
    Column("id", String(48), primary_key=True),
    _job_id(),
    Column("attempt", Integer, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("is_best", Boolean, nullable=False),
    Column("is_final", Boolean, nullable=False),
    Column("is_corrupt", Boolean, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("location", Text, nullable=False),  # key in the artifact store
    Column("manifest_sha256", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Index("ix_checkpoints_job_id_step", "job_id", "step"),
)

datasets: Final = Table(
    "datasets",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("format", String(32), nullable=False),
    Column("options", Text, nullable=False),
    Column("status", String(24), nullable=False),
    Column("reason", Text),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64)),  # declared, then measured
    Column("received_bytes", BigInteger, nullable=False),
    Column("location", Text),
    Column("profile", Text),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_datasets_project_id", "project", "id"),
    Index("ix_datasets_status", "status"),
    Index("ix_datasets_location", "location"),
)

job_datasets: Final = Table(
    "job_datasets",
    metadata,
    _job_id(primary_key=True),
    Column("dataset_id", String(48), ForeignKey("datasets.id"), primary_key=True),
    Index("ix_job_datasets_dataset_id", "dataset_id"),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("last_used_at", Double),
    Index("ix_api_keys_project_id", "project", "id"),
)

idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("operation", String(200), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer),
    Column("body", Text),
    Column("headers", Text),
    Column("created_at", Double, nullable=False),
    Index("ix_idempotency_created_at", "created_at"),
)

workers: Final = Table(
    "workers",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("node", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    Column("pool", String(64), nullable=False),
    Column("slots", Integer, nullable=False),
    Column("devices", Text, nullable=False),
    Column("versions", Text, nullable=False),
    Column("utilisation", Text, nullable=False),
    Column("draining", Boolean, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Index("ix_workers_seen_at", "seen_at"),
)

service_secrets: Final = Table(
    "service_secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(128), nullable=False),
)
