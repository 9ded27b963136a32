"""`trainyard keys`: create, list, rotate, revoke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from . import tables
from .session import Session, command

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Id of the key.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="API keys; needs a key of scope admin.")
    command(group, "create")(create)
    command(group, "list")(list_keys)
    command(group, "rotate")(rotate)
    command(group, "revoke")(revoke)
    app.add_typer(group, name="keys")


def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[str], typer.Option(help="What it may do: jobs:read, jobs:write … Repeatable.")],
    project: Annotated[str | None, typer.Option(help="The project it opens.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="How long it is good; default: for ever.")] = None,
) -> None:
    """Create a key; the key itself goes to standard output and is never shown again."""
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    key = session.client.keys.create(name, scopes=scope, project=project, expires_at=expires_at)
    session.say(f"[dim]{key.id}; keep the key, it is not shown again[/]")
    session.show(key, key.key or "")


def list_keys(
    session: Session,
    project: Annotated[str | None, typer.Option(help="Of another project than the key's own.")] = None,
) -> None:
    """List keys, newest first."""
    session.show_all(session.client.keys.list(project=project), tables.keys)


def rotate(
    session: Session,
    key: KeyId,
    grace_hours: Annotated[float, typer.Option(min=0, max=720, help="How long the old secret stays good.")] = 24.0,
) -> None:
    """Give a key another secret, printed for the only time; the one it had stays good for a while."""
    rotated = session.client.keys.rotate(key, grace=timedelta(hours=grace_hours))
    session.say(f"[dim]{rotated.id}; keep the key, it is not shown again[/]")
    session.show(rotated, rotated.key or "")


def revoke(session: Session, key: KeyId) -> None:
    """Revoke a key at once."""
    session.show(session.client.keys.revoke(key), f"[bold]{key}[/] revoked")
