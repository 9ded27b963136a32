"""A progress bar per file that goes over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from trainyard._downloads import OnBytes

from .session import Session


class _Speed(TransferSpeedColumn):
    """The speed once it is known; what is over at once has none."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.finished_speed or task.speed else Text()


@contextmanager
def bars(session: Session) -> Iterator[OnBytes]:
    """What to call with a file's name, its bytes so far and its bytes in all. Draws on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        _Speed(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=session.errors, disable=not session.errors.is_terminal) as progress:

        def show(name: str, there: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=there)

        yield show
