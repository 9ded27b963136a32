"""Submit jobs, find them, and wait for them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.json import JSON
from rich.markup import escape

from trainyard import ConfigurationError, Job
from trainyard._jobs import parse_spec, read_spec
from trainyard.terminal import follow, summary

from . import overrides, tables
from .session import ExitCode, Session, command

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    command(app, "submit")(submit)
    command(app, "jobs")(list_jobs)
    command(app, "show")(show)
    command(app, "wait")(wait)
    command(app, "follow")(follow_job)


def submit(
    session: Session,
    spec: Annotated[
        Path | None, typer.Argument(help="JSON file with the job spec; - reads it from standard input.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change the spec: optimizer.learning_rate=0.01. Repeatable."),
    ] = None,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Show it live until it ends.")] = False,
    dry_run: Annotated[
        str | None,
        typer.Option(metavar="LEVEL", help="Only check it, by schema, data or a step on a worker; nothing is stored."),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Submitting twice with the same key makes one job.")
    ] = None,
) -> None:
    """Submit a job."""
    document = overrides.apply(_read(spec), settings or [])
    if dry_run is not None:
        answer = session.client.jobs.dry_run(document, level=dry_run)
        session.show(answer, JSON(json.dumps(answer if dry_run == "step" else answer.get("resolved_spec", answer))))
        return
    job = session.client.jobs.submit(document, idempotency_key=idempotency_key)
    if following:
        watch(session, job)
    else:
        session.show(job.record, f"[bold]{job.id}[/]")
        if job.record.queue is not None and job.record.queue.is_hopeless:
            session.say(f"[yellow]It waits:[/] {escape(job.record.queue.detail or '')}")


def list_jobs(
    session: Session,
    status: Annotated[list[str] | None, typer.Option(help="Only jobs with this status. Repeatable.")] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs of this name.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only jobs with this label.")] = None,
    pool: Annotated[str | None, typer.Option(help="Only jobs of this pool.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
) -> None:
    """List jobs, newest first."""
    labels = dict(_label(text) for text in label or [])
    found = session.client.jobs.list(status=status or (), name=name, label=labels, pool=pool, limit=limit)
    session.show_all((job.record for job in found), tables.jobs)


def show(session: Session, job: JobId) -> None:
    """Show how a job stands and what it came to."""
    found = session.client.jobs.get(job)
    session.show(found.record, summary(found))


def wait(
    session: Session,
    job: JobId,
    timeout: Annotated[float | None, typer.Option(min=0, metavar="SECONDS", help="Give up after so long.")] = None,
) -> None:
    """Wait in silence until a job has ended; the exit status says how."""
    found = session.client.jobs.get(job)
    with _interruptible(session, found):
        found.wait(timeout=timeout)
    session.show(found.record, summary(found))
    found.raise_for_status()


def follow_job(session: Session, job: JobId) -> None:
    """Show a job live until it ends; the exit status says how it did."""
    watch(session, session.client.jobs.get(job))


def watch(session: Session, job: Job) -> None:
    """Show a job live until it ends. Raises typer.Exit unless it succeeds."""
    with _interruptible(session, job):
        if session.as_json:
            session.json(job.wait().record)
        else:
            follow(job, console=session.output)
    if job.status != "succeeded":
        raise typer.Exit(ExitCode.JOB_FAILED)


@contextmanager
def _interruptible(session: Session, job: Job) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        session.say(f"\nThe job goes on. Come back with\n  [bold]trainyard follow {job.id}[/]")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _read(spec: Path | None) -> dict[str, Any]:
    if spec is None:
        return {}
    return parse_spec(sys.stdin.read(), source="standard input") if str(spec) == "-" else read_spec(spec)


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigurationError(f"--label {text}: write it as key=value")
    return key, value
