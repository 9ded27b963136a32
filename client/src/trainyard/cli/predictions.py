"""`trainyard predict`: rows from files or standard input, predictions as a table or as JSON lines."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from trainyard import ConfigurationError, Predictions

from . import tables
from .jobs import JobId
from .session import Session, command

_TEXT: Final = ".txt"
_IMAGES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_DELIMITERS: Final = {".csv": ",", ".tsv": "\t"}
_TABLE_ROWS: Final = 50


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    command(app, "predict")(predict)


def predict(
    session: Session,
    job: JobId,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="CSV, TSV, JSON lines, images, texts (.txt); - is standard input."),
    ],
    checkpoint: Annotated[str, typer.Option(help="best, latest, final, an id or a step.")] = "best",
    top: Annotated[int | None, typer.Option(min=1, help="Only so many of the most probable classes.")] = None,
) -> None:
    """Predict new rows by a job's network and the preprocessing that trained it."""
    rows = (row for name in files for row in _rows(name))
    found = session.client.jobs.get(job).predict(rows, checkpoint=checkpoint, top=top)
    if session.as_json:
        for prediction in found.predictions:
            session.json(prediction.raw)
    else:
        session.output.print(tables.predictions(found.predictions[:_TABLE_ROWS]))
        if len(found.predictions) > _TABLE_ROWS:
            session.say(f"[dim]… and {len(found.predictions) - _TABLE_ROWS} more; --json prints all[/]")
    for line in _remarks(found):
        session.say(f"[dim]{line}[/]")


def _rows(name: str) -> Iterator[Mapping[str, Any]]:
    """The rows of one file. Raises ConfigurationError naming a line that holds none, OSError."""
    suffix = Path(name).suffix.lower()
    if suffix in _IMAGES:
        yield {"image": Path(name).read_bytes()}
        return
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name} is neither text nor an image that this command knows") from error
    if suffix == _TEXT:
        yield {"text": text}
    elif suffix in _DELIMITERS or not text.lstrip().startswith("{"):
        yield from _delimited(text, delimiter=_DELIMITERS.get(suffix, ","))
    else:
        yield from _lines(text, name=name)


def _delimited(text: str, *, delimiter: str) -> Iterator[dict[str, str]]:
    for row in csv.DictReader(io.StringIO(text), delimiter=delimiter):
        yield {name: value for name, value in row.items() if name is not None and value is not None}


def _lines(text: str, *, name: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ConfigurationError(f"{name}, line {number}: this is no JSON ({error})") from error
        if not isinstance(row, dict):
            raise ConfigurationError(f"{name}, line {number}: a row is a JSON object")
        yield row


def _remarks(found: Predictions) -> Iterator[str]:
    for what, counts in (("missing", found.missing), ("unseen in training", found.unseen), ("ignored", found.ignored)):
        if counts:
            yield f"{what}: " + ", ".join(f"{escape(name)} ({count})" for name, count in counts.items())
