"""Read back what a job wrote: its log, events and metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape

from trainyard import Finding, Series
from trainyard.terminal import words
from trainyard.terminal.charts import plot

from . import tables
from .jobs import JobId
from .session import Session, command

_PLOT_HEIGHT = 10
_PLOT_MARGIN = 14
_WIDEST_PLOT = 100


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    command(app, "logs")(logs)
    command(app, "events")(events)
    command(app, "metrics")(metrics)
    command(app, "diagnosis")(diagnosis)


def logs(
    session: Session,
    job: JobId,
    tail: Annotated[int | None, typer.Option("--tail", "-n", min=1, help="Only so many last lines.")] = None,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
) -> None:
    """Print a job's log."""
    for line in session.client.jobs.get(job).logs(tail=tail, follow=following):
        if session.as_json:
            session.json({"line": line})
        else:
            session.output.print(line, markup=False, soft_wrap=True)


def events(
    session: Session,
    job: JobId,
    after: Annotated[int, typer.Option(min=0, help="Only events behind this number.")] = 0,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
) -> None:
    """Print what happened to a job."""
    handle = session.client.jobs.get(job)
    for event in handle.events(after=after) if following else handle.past_events(after=after):
        if session.as_json:
            session.json(event)
        else:
            at = "" if event.at is None else f"{event.at:%H:%M:%S}"
            said = " ".join(_said(event.data))
            saying = f"  [dim]{escape(said)}[/]" if said else ""
            session.output.print(f"[dim]{event.seq:>4}  {at}[/]  {event.type}{saying}", soft_wrap=True)


def diagnosis(session: Session, job: JobId) -> None:
    """Print what is wrong with how a job trains, and what may help."""
    session.show_all(session.client.jobs.get(job).diagnosis(), _findings)


def metrics(
    session: Session,
    job: JobId,
    name: Annotated[str | None, typer.Argument(help="One metric, such as train/loss.")] = None,
    max_points: Annotated[int, typer.Option(min=1, help="At most so many buckets.")] = 1000,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the series as CSV.")] = False,
) -> None:
    """List a job's metrics, or draw one of them."""
    handle = session.client.jobs.get(job)
    if name is None:
        session.show_all(handle.metrics().values(), tables.metrics)
        return
    series = handle.metric(name, max_points=max_points)
    if as_csv:
        _print_csv(series)
    else:
        session.show(series, _picture(series, width=session.output.width - _PLOT_MARGIN))


def _said(data: Mapping[str, Any]) -> Iterator[str]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _said(value)
        elif isinstance(value, list):
            yield f"{name}={','.join(map(str, value))}"
        elif value is not None and name != "id":
            yield f"{name}={words.value(value) if isinstance(value, float) else value}"


def _print_csv(series: Series) -> None:
    typer.echo("step,time,value,min,max,count")
    columns = (series.step, series.time, series.value, series.min, series.max, series.count)
    for step, time, *values in zip(*columns, strict=True):
        typer.echo(",".join(map(str, (step, time.isoformat(), *values))))


def _picture(series: Series, *, width: int) -> RenderableType:
    last = (
        f"last {words.value(series.value[-1])} at step {words.count(series.step[-1])}" if series.step else "no points"
    )
    curve = plot(series.value, width=min(max(width, 10), _WIDEST_PLOT), height=_PLOT_HEIGHT)
    return Group(f"[bold]{escape(series.name)}[/]  [dim]{last}[/]", f"[cyan]{chr(10).join(curve)}[/]")


def _findings(found: list[Finding]) -> RenderableType:
    """A paragraph per finding."""
    return Group(*[_finding(one) for one in found]) if found else "nothing was found"


def _finding(finding: Finding) -> str:
    said = [finding.message, finding.suggestion.message]
    if finding.suggestion.patch is not None:
        said.append(f"fork --advice {finding.rule} changes {json.dumps(finding.suggestion.patch)}")
    title = f"[bold]{escape(finding.rule)}[/]  [dim]{escape(finding.severity)}, step {finding.first_step}[/]"
    return "\n".join([title, *(f"  {escape(line)}" for line in said)])
