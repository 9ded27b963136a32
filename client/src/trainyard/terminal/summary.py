"""What a job came to, in a few lines."""

from __future__ import annotations

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from trainyard._job import Job
from trainyard._records import Baseline, Result

from . import words


def summary(job: Job) -> RenderableType:
    """How a job stands: its scores on the test data beside the baselines', or why there are none."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    table.add_row("job", f"[bold]{job.id}[/]  {escape(job.name or '')}".rstrip())
    table.add_row("status", words.status(job.status) + _took(job))
    if not job.is_terminal:
        table.add_row(*_waiting_or_working(job))
    for warning in job.record.warnings:
        table.add_row("warning", f"[yellow]{escape(str(warning.get('message', warning)))}[/]")
    if job.reason is not None:
        place = f" at {job.reason.param}" if job.reason.param else ""
        table.add_row("reason", escape(f"{job.reason.message} ({job.reason.code}{place})"))
    if job.result is not None:
        _add_result(table, job.result)
    return table


def _waiting_or_working(job: Job) -> tuple[str, str]:
    queue, progress = job.record.queue, job.progress
    if queue is not None:
        return "queue", f"{words.count(queue.ahead)} ahead, {(queue.reason or 'waiting').replace('_', ' ')}"
    left = "" if progress.eta_seconds is None else f", {words.duration(progress.eta_seconds)} left"
    return "progress", f"{progress.fraction or 0:.0%} {job.phase or ''}{left}"


def _took(job: Job) -> str:
    started, finished = job.record.started_at, job.record.finished_at
    return f" in {words.duration((finished - started).total_seconds())}" if started and finished else ""


def _add_result(table: Table, result: Result) -> None:
    if result.test:
        table.add_row("test", f"[bold]{words.values(result.test)}[/]")
    if result.best is not None:
        at = "" if result.best.step is None else f" at step {words.count(result.best.step)}"
        table.add_row("best", f"{result.best.metric} {words.value(result.best.value)}{at}")
    if result.baselines:
        table.add_row("baselines", "; ".join(map(_baseline, result.baselines)) + _verdict(result))
    speed = words.count(result.samples_per_second)
    table.add_row("network", f"{words.count(result.parameters)} parameters, {speed} samples/s")


def _baseline(baseline: Baseline) -> str:
    return f"{baseline.name} {words.values(baseline.test)}"


def _verdict(result: Result) -> str:
    if result.beats_baselines is None:
        return ""
    return "  [green]beaten[/]" if result.beats_baselines else "  [yellow]not beaten[/]"
