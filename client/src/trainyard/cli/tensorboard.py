"""`trainyard tensorboard`: jobs as TensorBoard reads them."""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from trainyard import Job, WaitTimeout

from .session import Session, command

_REFRESH_SECONDS: Final = 5.0
_UNFIT_FOR_A_FOLDER: Final = re.compile(r"[^A-Za-z0-9._-]+")
_SUFFIX_CHARACTERS: Final = 8


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    command(app)(tensorboard)


def tensorboard(
    session: Session,
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="The ids of one or several jobs.")],
    directory: Annotated[Path, typer.Option("--to", "-o", help="Folder of the runs, made if missing.")] = Path("runs"),
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the jobs have ended.")] = False,
) -> None:
    """Download the TensorBoard event files of jobs, each into a folder of its own."""
    handles = [session.client.jobs.get(job) for job in jobs]
    paths = [job.tensorboard(directory / folder_of(job)) for job in handles]
    if session.as_json:
        session.json([str(path) for path in paths])
    else:
        for path in paths:
            session.output.print(str(path), markup=False, soft_wrap=True)
    session.say(_advice(directory))
    if following:
        _follow(handles, directory)


def folder_of(job: Job) -> str:
    """A folder's name that a person recognises in TensorBoard: the job's name, and enough of its id to be unique."""
    name = _UNFIT_FOR_A_FOLDER.sub("-", job.name or "job").strip(".-") or "job"
    return f"{name}-{job.id[-_SUFFIX_CHARACTERS:]}"


def _follow(handles: list[Job], directory: Path) -> None:
    waiting = [job for job in handles if not job.is_terminal]
    while waiting:
        for job in waiting:
            with suppress(WaitTimeout):
                job.wait(timeout=_REFRESH_SECONDS / len(waiting))
            job.tensorboard(directory / folder_of(job))
        waiting = [job for job in waiting if not job.is_terminal]


def _advice(directory: Path) -> str:
    start = f"tensorboard --logdir {directory}"
    return f"look at it with: {start}" if find_spec("tensorboard") else f"pip install tensorboard, then: {start}"
