"""The service itself: its workers and its version."""

from __future__ import annotations

from typing import Annotated

import typer

from trainyard._version import __version__

from . import tables
from .session import Session, command


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    command(app, "workers")(workers)
    command(app, "drain")(drain)
    command(app, "version")(version)


def workers(session: Session) -> None:
    """List the workers that are alive."""
    session.show_all(session.client.workers.list(), tables.workers)


def drain(session: Session, worker: Annotated[str, typer.Argument(metavar="WORKER", help="Id of the worker.")]) -> None:
    """Have a worker finish what it runs and take nothing new; needs a key of scope admin."""
    session.show(session.client.workers.drain(worker), f"[bold]{worker}[/] takes nothing new")


def version(session: Session) -> None:
    """Print the versions of the client and of the service."""
    there = session.client.version
    words = f"client {__version__}, service {there.version} at {session.client.base_url}"
    session.show({"client": __version__, "service": dict(there.raw), "url": session.client.base_url}, words)
