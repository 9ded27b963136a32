"""A progress bar per file that goes over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from trainyard._downloads import OnBytes

from .session import Session


@contextmanager
def bars(session: Session) -> Iterator[OnBytes]:
    """What to call with a file's name, its bytes so far and its bytes in all. Draws on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=session.errors, disable=not session.errors.is_terminal) as progress:

        def show(name: str, there: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=there)

        yield show
