"""`trainyard checkpoints`: list them, pull them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import tables
from .jobs import JobId
from .session import Session, command
from .transfers import bars


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="A job's checkpoints.")
    command(group, "list")(list_checkpoints)
    command(group, "pull")(pull)
    app.add_typer(group, name="checkpoints")


def list_checkpoints(session: Session, job: JobId) -> None:
    """List the checkpoints that are kept, newest first."""
    listed = session.client.jobs.get(job).checkpoints()
    if session.as_json:
        session.json([checkpoint.record.raw for checkpoint in listed])
    else:
        session.output.print(tables.checkpoints(listed))


def pull(
    session: Session,
    job: JobId,
    ref: Annotated[str, typer.Argument(help="best, latest, final, an id or a step.")] = "best",
    directory: Annotated[Path, typer.Option("--to", "-o", help="Folder to write to, made if missing.")] = Path(),
    file: Annotated[list[str] | None, typer.Option(help="Only this file. Repeatable.")] = None,
) -> None:
    """Download a checkpoint's files; a download that was interrupted is continued, and every digest is verified."""
    checkpoint = session.client.jobs.get(job).checkpoint(ref)
    with bars(session) as progress:
        paths = checkpoint.download(directory, names=file, progress=progress)
    if session.as_json:
        session.json({"checkpoint": checkpoint.record.raw, "paths": [str(path) for path in paths]})
    else:
        for path in paths:
            session.output.print(str(path), markup=False, soft_wrap=True)
