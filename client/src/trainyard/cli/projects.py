"""`trainyard projects`: create, list, show, limit, close, open; and `trainyard audit`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from trainyard._exceptions import ConfigurationError
from trainyard._projects import Limit

from . import tables
from .session import Session, command

Name = Annotated[str, typer.Argument(metavar="PROJECT", help="Name of the project.")]
Quotas = Annotated[
    list[str] | None,
    typer.Option("--quota", metavar="NAME=LIMIT", help="running_jobs=4, unlimited or default. Repeatable."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="Projects and their quotas; needs a key of scope operator.")
    command(group, "create")(create)
    command(group, "list")(list_projects)
    command(group, "show")(show)
    command(group, "limit")(limit)
    command(group, "close")(close)
    command(group, "open")(open_project)
    app.add_typer(group, name="projects")
    command(app, "audit")(audit)


def create(session: Session, project: Name, quota: Quotas = None) -> None:
    """Create a project."""
    session.show(session.client.projects.create(project, **_limits(quota)), f"[bold]{project}[/] created")


def list_projects(session: Session) -> None:
    """List projects, newest first."""
    session.show_all(session.client.projects.list(), tables.projects)


def show(session: Session, project: Name) -> None:
    """Show what a project takes and may take."""
    found = session.client.projects.get(project)
    session.show(found, tables.quotas(found))


def limit(session: Session, project: Name, quota: Quotas = None) -> None:
    """Change what a project may take."""
    changed = session.client.projects.limit(project, **_limits(quota))
    session.show(changed, tables.quotas(changed))


def close(session: Session, project: Name) -> None:
    """Put a project to sleep: its keys are refused, its jobs wait."""
    session.show(session.client.projects.close(project), f"[bold]{project}[/] closed")


def open_project(session: Session, project: Name) -> None:
    """Let a closed project go on."""
    session.show(session.client.projects.open(project), f"[bold]{project}[/] open")


def audit(
    session: Session,
    project: Annotated[str | None, typer.Option(help="Of another project than the key's own.")] = None,
    actor: Annotated[str | None, typer.Option(help="Id of a key, or oidc: and a subject.")] = None,
    operation: Annotated[str | None, typer.Option(help="create_job, cancel_job …")] = None,
    resource: Annotated[str | None, typer.Option(help="Id of what it was about.")] = None,
    outcome: Annotated[Literal["done", "refused"] | None, typer.Option(help="done or refused.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
) -> None:
    """List what was changed and what was refused, newest first; needs a key of scope admin."""
    found = session.client.audit.list(
        project=project, actor=actor, operation=operation, resource=resource, outcome=outcome, limit=limit
    )
    session.show_all(found, tables.audit)


def _limits(given: list[str] | None) -> dict[str, Limit]:
    """`running_jobs=4` as what the service takes. Raises ConfigurationError for anything else."""
    limits: dict[str, Limit] = {}
    for entry in given or []:
        name, _, text = entry.partition("=")
        if text == "unlimited":
            limits[name] = "unlimited"
        elif text == "default":
            limits[name] = None
        elif text.isdecimal():
            limits[name] = int(text)
        else:
            raise ConfigurationError(f"--quota takes NAME=LIMIT with a number, unlimited or default, not {entry!r}")
    return limits
