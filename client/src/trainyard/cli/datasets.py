"""`trainyard datasets`: upload, fetch, list, show, delete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape

from trainyard import ConfigurationError, DatasetRecord
from trainyard.terminal import words

from . import profiles, tables
from .session import Session, command
from .transfers import bars

DatasetId = Annotated[str, typer.Argument(metavar="DATASET", help="Id of the dataset.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="Data to train on.")
    command(group, "upload")(upload)
    command(group, "fetch")(fetch)
    command(group, "list")(list_datasets)
    command(group, "show")(show)
    command(group, "delete")(delete)
    app.add_typer(group, name="datasets")


def upload(
    session: Session,
    path: Annotated[Path, typer.Argument(help="The file.")],
    name: Annotated[str | None, typer.Option(help="Name to list it under; default: the file's.")] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="Its format; default: by the file's ending.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the format: header=false. Repeatable.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="DATASET", help="Go on with an upload that was interrupted.")
    ] = None,
) -> None:
    """Upload a file and wait until it is ready to train on; its id goes to standard output."""
    options = dict(_option(text) for text in option or [])
    datasets = session.client.datasets
    dataset = datasets.get(resume) if resume else datasets.declare(path, name=name, format=file_format, options=options)
    try:
        with bars(session) as progress:
            dataset.send(path, progress=progress)
    except KeyboardInterrupt:
        session.say(f"\nGo on with\n  [bold]trainyard datasets upload {escape(str(path))} --resume {dataset.id}[/]")
        raise
    dataset.wait()
    session.show(dataset.record, dataset.id)


def fetch(
    session: Session,
    url: Annotated[str, typer.Argument(help="Where the service fetches the file from.")],
    name: Annotated[str | None, typer.Option(help="Name to list it under; default: the file's.")] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="Its format; default: by the file's ending.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the format: header=false. Repeatable.")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="Refuse content with another digest.")] = None,
) -> None:
    """Let the service fetch a file by itself and wait until it is ready to train on, if it is configured to."""
    options = dict(_option(text) for text in option or [])
    dataset = session.client.datasets.fetch(url, name=name, format=file_format, options=options, sha256=sha256)
    session.show(dataset.wait().record, dataset.id)


def list_datasets(session: Session, limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20) -> None:
    """List datasets, newest first."""
    session.show_all((dataset.record for dataset in session.client.datasets.list(limit=limit)), tables.datasets)


def show(session: Session, dataset: DatasetId) -> None:
    """Show a dataset and its profile: columns, missing values, classes."""
    record = session.client.datasets.get(dataset).record
    session.show(record, _picture(record))


def delete(session: Session, dataset: DatasetId) -> None:
    """Delete a dataset that no job needs."""
    session.client.datasets.get(dataset).delete()
    session.show({"id": dataset, "deleted": True}, f"[bold]{dataset}[/] deleted")


def _picture(record: DatasetRecord) -> RenderableType:
    name = escape(record.name or "")
    heading = f"[bold]{record.id}[/]  {name}  {words.status(record.status)}  {words.size(record.bytes)}"
    reason = [] if record.reason is None else [f"[red]{escape(record.reason.message)}[/]"]
    return Group(heading, *reason, *([] if record.profile is None else profiles.picture(record.profile)))


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigurationError(f"--option {text}: write it as name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
