"""Lists as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from trainyard._access_records import AuditLine, Project
from trainyard._checkpoints import Checkpoint
from trainyard._comparison import Comparison
from trainyard._predictions import Prediction
from trainyard._records import (
    DatasetRecord,
    JobRecord,
    Key,
    MetricSummary,
    StepValue,
    Worker,
)
from trainyard._webhook_records import Delivery, Webhook
from trainyard.terminal import words

_METRICS_SHOWN: Final = 2
_CLASSES_SHOWN: Final = 3
_FOLDED: Final = frozenset(
    {"devices", "jobs", "kinds", "labels", "metric", "metrics", "name", "prediction", "probabilities", "scopes"}
)


def jobs(listed: Sequence[JobRecord]) -> RenderableType:
    """A line per job."""
    rows = (
        (
            f"[bold]{job.id}[/]",
            words.status(job.status),
            f"{job.progress.fraction:.0%}" if job.progress.fraction is not None else "",
            words.age(job.created_at),
            escape(job.name or ""),
            escape(" ".join(f"{key}={value}" for key, value in job.labels.items())),
        )
        for job in listed
    )
    return _table(("job", "status", "done", "age", "name", "labels"), rows, nothing="no jobs")


def metrics(listed: Iterable[MetricSummary]) -> RenderableType:
    """A line per metric."""
    rows = (
        (
            escape(metric.name),
            words.count(metric.points),
            _at(metric.last),
            words.value(metric.min),
            words.value(metric.max),
            _at(metric.best),
        )
        for metric in listed
    )
    return _table(("metric", "points", "last", "min", "max", "best"), rows, nothing="no metrics yet")


def checkpoints(listed: Iterable[Checkpoint]) -> RenderableType:
    """A line per checkpoint."""
    rows = (
        (
            f"[bold]{checkpoint.id}[/]",
            words.count(checkpoint.step),
            words.count(checkpoint.record.epoch),
            " ".join(checkpoint.kinds),
            words.size(checkpoint.record.bytes),
            words.values(dict(list(checkpoint.metrics.items())[:_METRICS_SHOWN])),
        )
        for checkpoint in listed
    )
    return _table(("checkpoint", "step", "epoch", "kinds", "size", "metrics"), rows, nothing="no checkpoints yet")


def predictions(listed: Sequence[Prediction]) -> RenderableType:
    """A line per row: its class and the probability of that, or its values."""
    rows = ((words.count(number), *_said(prediction)) for number, prediction in enumerate(listed, start=1))
    return _table(("row", "prediction", "probabilities"), rows, nothing="no rows")


def datasets(listed: Sequence[DatasetRecord]) -> RenderableType:
    """A line per dataset."""
    rows = (
        (
            f"[bold]{dataset.id}[/]",
            words.status(dataset.status),
            dataset.format or "",
            words.size(dataset.bytes),
            words.count((dataset.profile or {}).get("rows")),
            words.age(dataset.created_at),
            escape(dataset.name or ""),
        )
        for dataset in listed
    )
    return _table(("dataset", "status", "format", "size", "rows", "age", "name"), rows, nothing="no datasets")


def keys(listed: Sequence[Key]) -> RenderableType:
    """A line per key."""
    rows = (
        (
            f"[bold]{key.id}[/]",
            escape(key.name or ""),
            key.project or "",
            words.age(key.created_at),
            "[red]revoked[/]" if key.revoked_at else words.age(key.last_used_at),
            " ".join(key.scopes),
        )
        for key in listed
    )
    return _table(("key", "name", "project", "age", "used", "scopes"), rows, nothing="no keys")


def projects(listed: Sequence[Project]) -> RenderableType:
    """A line per project."""
    rows = (
        (f"[bold]{project.name}[/]", "[red]closed[/]" if project.closed_at else "open", words.age(project.created_at))
        for project in listed
    )
    return _table(("project", "state", "age"), rows, nothing="no projects")


def quotas(project: Project) -> RenderableType:
    """A line per quota."""
    rows = (
        (
            f"[bold]{name}[/]",
            words.count(quota["used"]),
            "unlimited" if quota["limit"] is None else words.count(quota["limit"]),
            quota["source"],
        )
        for name, quota in project.quotas.items()
    )
    return _table(("quota", "used", "limit", "source"), rows, nothing="no quotas")


def audit(listed: Sequence[AuditLine]) -> RenderableType:
    """A line per change or refusal."""
    rows = (
        (
            words.age(line.at),
            escape(line.actor or ""),
            line.operation,
            escape(line.resource or ""),
            line.outcome if line.status is None else f"[red]{line.outcome} {line.status}[/]",
            line.address or "",
        )
        for line in listed
    )
    return _table(("age", "actor", "operation", "resource", "outcome", "address"), rows, nothing="nothing was changed")


def workers(listed: Sequence[Worker]) -> RenderableType:
    """A line per worker."""
    rows = (
        (
            f"[bold]{escape(worker.name or worker.id)}[/]",
            worker.pool or "",
            " ".join(map(_device, worker.devices)),
            f"{len(worker.jobs)}/{worker.slots or '?'}",
            " ".join(worker.jobs),
            words.age(worker.seen_at),
        )
        for worker in listed
    )
    return _table(("worker", "pool", "devices", "busy", "jobs", "seen"), rows, nothing="no workers are alive")


def webhooks(listed: Sequence[Webhook]) -> RenderableType:
    """A line per endpoint."""
    rows = (
        (
            f"[bold]{webhook.id}[/]",
            "enabled" if webhook.enabled else f"[red]{webhook.disabled_reason}[/]",
            escape(webhook.url),
            " ".join(webhook.events),
            words.age(webhook.created_at),
        )
        for webhook in listed
    )
    return _table(("webhook", "state", "url", "events", "age"), rows, nothing="no webhooks")


def deliveries(listed: Sequence[Delivery]) -> RenderableType:
    """A line per event."""
    rows = (
        (
            f"[bold]{delivery.id}[/]",
            delivery.type,
            delivery.job_id or "",
            delivery.status,
            str(delivery.attempts),
            escape(delivery.error or str(delivery.response_status or "")),
        )
        for delivery in listed
    )
    return _table(("event", "type", "job", "status", "attempts", "answer"), rows, nothing="no deliveries")


def comparison(found: Comparison) -> RenderableType:
    """A column per job: where the specs differ, what was scored, and where the losses part from the first job's."""
    scored = sorted({name for job in found.jobs for name in job["test"] or {}})
    rows = [(difference.pointer, *map(_cell, difference.values)) for difference in found.differences]
    rows += [(f"test/{name}", *(_cell((job["test"] or {}).get(name)) for job in found.jobs)) for name in scored]
    parted = [parting.first_step for parting in found.losses]
    rows.append(("losses part at step", "", *("never" if step is None else str(step) for step in parted)))
    return _table(("", *(str(job["id"]) for job in found.jobs)), rows, nothing="nothing differs")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return words.value(value)
    return "" if value is None else escape(value if isinstance(value, str) else json.dumps(value))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, nothing: str) -> RenderableType:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for column in columns:
        # Where room is short, words are folded; a cut-off id would be of no use to the next command.
        table.add_column(column, no_wrap=column not in _FOLDED, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table if table.row_count else f"[dim]{nothing}[/]"


def _said(prediction: Prediction) -> tuple[str, str]:
    if prediction.label is not None:
        likely = sorted(prediction.probabilities.items(), key=lambda item: -item[1])[:_CLASSES_SHOWN]
        return f"[bold]{escape(prediction.label)}[/]", "  ".join(
            f"{escape(name)} {share:.3f}" for name, share in likely
        )
    values = prediction.values if prediction.value is None else (prediction.value,)
    return " ".join(map(words.value, values)), ""


def _at(point: StepValue | None) -> str:
    return "-" if point is None else f"{words.value(point.value)} [dim]@ {words.count(point.step)}[/]"


def _device(device: Any) -> str:
    return escape(str(device.get("name") or device.get("type") or "") if isinstance(device, dict) else str(device))
