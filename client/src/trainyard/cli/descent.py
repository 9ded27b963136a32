"""Jobs that come from other jobs, and what is different between them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trainyard import Job

from . import overrides, tables
from .jobs import JobId, watch
from .session import Session, command


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    command(app, "fork")(fork)
    command(app, "reproduce")(reproduce)
    command(app, "compare")(compare)


def fork(
    session: Session,
    job: JobId,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="What is different: optimizer.learning_rate=0.01. Repeatable."
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="CHECKPOINT", help="Begin with these weights: best, latest, final, a step, an id."
        ),
    ] = None,
    advice: Annotated[
        str | None, typer.Option(metavar="RULE", help="Change what this rule of the diagnosis suggests.")
    ] = None,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Show it live until it ends.")] = False,
) -> None:
    """Submit a job again with changes."""
    parent = session.client.jobs.get(job)
    suggested = {} if advice is None else _suggested(parent, rule=advice)
    child = parent.fork(overrides.apply(suggested, settings or []), from_checkpoint=checkpoint)
    if following:
        watch(session, child)
    else:
        session.show(child.record, f"[bold]{child.id}[/]")


def reproduce(
    session: Session,
    job: JobId,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Show it live until it ends.")] = False,
) -> None:
    """Run a job again and see whether its weights come out the same; `show` of the new job says so."""
    again = session.client.jobs.get(job).reproduce()
    if following:
        watch(session, again)
    else:
        session.show(again.record, f"[bold]{again.id}[/]")


def compare(
    session: Session, jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Two to twenty jobs.")]
) -> None:
    """Show where the specs of jobs differ, what each scored, and the step at which their losses part."""
    comparison = session.client.jobs.compare(*jobs)
    session.show(comparison, tables.comparison(comparison))


def _suggested(job: Job, *, rule: str) -> dict[str, Any]:
    patches = {finding.rule: finding.suggestion.patch for finding in job.diagnosis()}
    patch = patches.get(rule)
    if patch is None:
        known = ", ".join(name for name, known in patches.items() if known is not None) or "none"
        raise typer.BadParameter(f"the diagnosis has no patch for {rule}; it has: {known}", param_hint="--advice")
    return dict(patch)
