"""A job shown live until it ends: a bar and curves in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from trainyard._job import Job

from .summary import summary
from .view import View


def follow(job: Job, *, console: Console | None = None) -> Job:
    """Show a job until it has ended, however it ends, and return it as it then stands.

    In a terminal one picture is kept up to date; into a file or a pipe goes a line per status and per epoch. A cut
    connection is mended silently. Ctrl-C raises KeyboardInterrupt and leaves the job running.
    """
    out = console or Console(highlight=False)
    past = max((event.seq for event in job.past_events()), default=0)
    view = View(job.refresh())
    with _shown(view, out):
        for frame in job.stream(after=past):
            view.take(frame)
            if not out.is_terminal:
                for line in view.news():
                    out.print(line, soft_wrap=True)
        job.refresh()
        view.finish()
    out.print(summary(job))
    return job


@contextmanager
def _shown(view: View, out: Console) -> Iterator[None]:
    if not out.is_terminal:
        yield
        return
    with Live(console=out, get_renderable=view.render, refresh_per_second=8):
        yield
