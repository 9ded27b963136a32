"""`trainyard keys`: create, list, revoke."""

from __future__ import annotations

from typing import Annotated

import typer

from . import tables
from .session import Session, command


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="API keys; needs a key of scope admin.")
    command(group, "create")(create)
    command(group, "list")(list_keys)
    command(group, "revoke")(revoke)
    app.add_typer(group, name="keys")


def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[str], typer.Option(help="What it may do: jobs:read, jobs:write … Repeatable.")],
    project: Annotated[str | None, typer.Option(help="The project it opens.")] = None,
) -> None:
    """Create a key; the key itself goes to standard output and is never shown again."""
    key = session.client.keys.create(name, scopes=scope, project=project)
    session.say(f"[dim]{key.id}; keep the key, it is not shown again[/]")
    session.show(key, key.key or "")


def list_keys(session: Session) -> None:
    """List keys, newest first."""
    session.show_all(session.client.keys.list(), tables.keys)


def revoke(session: Session, key: Annotated[str, typer.Argument(metavar="KEY", help="Id of the key.")]) -> None:
    """Revoke a key at once."""
    session.show(session.client.keys.revoke(key), f"[bold]{key}[/] revoked")
