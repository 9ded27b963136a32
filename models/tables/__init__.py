"""The tables. Times are seconds since the epoch, documents are JSON text that passes through untouched, one schema on
both databases.

The hot, narrow rows (`job_leases`, `metric_chunks`) are kept apart from the wide, cold ones (`jobs`), so that a
heartbeat never rewrites a spec.
"""

from __future__ import annotations

from models.tables.access import api_keys, audit_log, gpu_usage, projects, quotas
from models.tables.base import metadata
from models.tables.dry_runs import dry_runs
from models.tables.jobs import attempts, doorbells, events, job_labels, job_leases, jobs
from models.tables.predictions import predictions
from models.tables.records import checkpoints, findings, histograms, log_chunks, metric_chunks, metric_series
from models.tables.surroundings import datasets, idempotency, job_datasets, service_secrets, workers
from models.tables.webhooks import webhook_deliveries, webhook_events, webhooks

__all__ = [
    "api_keys",
    "attempts",
    "audit_log",
    "checkpoints",
    "datasets",
    "doorbells",
    "dry_runs",
    "events",
    "findings",
    "gpu_usage",
    "histograms",
    "idempotency",
    "job_datasets",
    "job_labels",
    "job_leases",
    "jobs",
    "log_chunks",
    "metadata",
    "metric_chunks",
    "metric_series",
    "predictions",
    "projects",
    "quotas",
    "service_secrets",
    "webhook_deliveries",
    "webhook_events",
    "webhooks",
    "workers",
]
