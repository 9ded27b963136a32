"""`trainyard webhooks`: create, list, deliveries, test, redeliver, enable, rotate, delete."""

from __future__ import annotations

from typing import Annotated

import typer

from . import tables
from .session import Session, command

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Id of the webhook.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="Endpoints that hear of the project's events.")
    command(group, "create")(create)
    command(group, "list")(list_webhooks)
    command(group, "deliveries")(deliveries)
    command(group, "test")(test)
    command(group, "redeliver")(redeliver)
    command(group, "enable")(enable)
    command(group, "rotate")(rotate)
    command(group, "delete")(delete)
    app.add_typer(group, name="webhooks")


def create(
    session: Session,
    url: Annotated[str, typer.Argument(help="Where events are posted.")],
    event: Annotated[
        list[str] | None, typer.Option(help="A type of event, job.succeeded …; default: all. Repeatable.")
    ] = None,
    format: Annotated[str, typer.Option(help="standard or cloudevents.")] = "standard",  # noqa: A002
    description: Annotated[str, typer.Option(help="A word for people.")] = "",
) -> None:
    """Make an endpoint; its secret goes to standard output and is never shown again."""
    made = session.client.webhooks.create(url, events=event or ["*"], format=format, description=description)
    session.say(f"[dim]{made.id}; keep the secret, it is not shown again[/]")
    session.show(made, made.secret or "")


def list_webhooks(session: Session) -> None:
    """List endpoints, newest first."""
    session.show_all(session.client.webhooks.list(), tables.webhooks)


def deliveries(
    session: Session,
    webhook: WebhookId,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
) -> None:
    """List what an endpoint was sent or is owed, newest first."""
    session.show_all(session.client.webhooks.deliveries(webhook, limit=limit), tables.deliveries)


def test(session: Session, webhook: WebhookId) -> None:
    """Send an endpoint a test event."""
    delivery = session.client.webhooks.test(webhook)
    session.show(delivery, f"[bold]{delivery.id}[/] is on its way")


def redeliver(
    session: Session,
    webhook: WebhookId,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Id of the event.")],
) -> None:
    """Send an event to an endpoint once more."""
    delivery = session.client.webhooks.redeliver(webhook, event)
    session.show(delivery, f"[bold]{delivery.id}[/] is on its way")


def enable(session: Session, webhook: WebhookId) -> None:
    """Enable an endpoint again that was disabled."""
    session.show(session.client.webhooks.update(webhook, enabled=True), f"[bold]{webhook}[/] is enabled")


def rotate(session: Session, webhook: WebhookId) -> None:
    """Give an endpoint a new secret, printed for the only time; the old one verifies for another day."""
    rotated = session.client.webhooks.rotate(webhook)
    session.show(rotated, rotated.secret or "")


def delete(session: Session, webhook: WebhookId) -> None:
    """Delete an endpoint and what it is still owed."""
    session.client.webhooks.delete(webhook)
    session.show({"id": webhook}, f"[bold]{webhook}[/] deleted")
