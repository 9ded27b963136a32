"""What a job came to, in a few lines."""

from __future__ import annotations

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from trainyard._job import Job
from trainyard._records import Result

from . import words

_STANDINGS = {"on_a_par": "[yellow]on a par with the baselines[/]", "loses": "[red]loses to the baselines[/]"}


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
        return "queue", words.waiting(queue)
    left = "" if progress.eta_seconds is None else f", {words.duration(progress.eta_seconds)} left"
    return "progress", f"{progress.fraction or 0:.0%} {job.phase or ''}{left}"


def _took(job: Job) -> str:
    started, finished = job.record.started_at, job.record.finished_at
    return f" in {words.duration((finished - started).total_seconds())}" if started and finished else ""


def _add_result(table: Table, result: Result) -> None:
    if result.best is not None:
        at = "" if result.best.step is None else f" at step {words.count(result.best.step)}"
        table.add_row("best", f"{result.best.metric} {words.value(result.best.value)}{at}")
    speed = words.count(result.samples_per_second)
    table.add_row("network", f"{words.count(result.parameters)} parameters, {speed} samples/s")
    if result.test:
        table.add_row("test", _scores(result))
    if result.beats_baselines is not None:
        otherwise = _STANDINGS.get(result.standing or "", "[yellow]does not beat the baselines[/]")
        table.add_row("", "beats the baselines" if result.beats_baselines else otherwise)


def _scores(result: Result) -> Table:
    """The network and the baselines on the same data: a line each, a column per metric."""
    scores = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    scores.add_column("")
    for metric in result.test:
        scores.add_column(escape(metric), justify="right")
    rows = [("[bold]this network[/]", result.test), *((escape(line.name), line.test) for line in result.baselines)]
    for name, test in rows:
        scores.add_row(name, *(words.value(test.get(metric)) for metric in result.test))
    return scores
