"""What the service found in a dataset, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from trainyard.terminal import words


def picture(profile: Mapping[str, Any]) -> list[RenderableType]:
    """The profile: its size, its classes, its warnings, and a line per column."""
    return [*_facts(profile), *([_columns(profile["columns"])] if profile.get("columns") else [])]


def _facts(profile: Mapping[str, Any]) -> Iterator[str]:
    yield f"{words.count(profile.get('rows'))} rows, {words.count(profile.get('duplicates'))} duplicates"
    if image := profile.get("image"):
        yield f"images of {image.get('height')} x {image.get('width')}, {image.get('channels')} channels"
    if text := profile.get("text"):
        lengths, empty = text.get("words") or {}, text.get("empty")
        yield (
            f"texts of {words.count(lengths.get('median'))} words in the middle, {words.count(lengths.get('longest'))} "
            f"at most" + (f", {words.count(empty)} empty" if empty else "")
        )
    if classes := profile.get("classes"):
        yield "classes " + escape(", ".join(f"{label} {words.count(count)}" for label, count in classes.items()))
    for warning in profile.get("warnings") or ():
        yield f"[yellow]{escape(str(warning))}[/]"


def _columns(columns: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("column", "type", "missing", "unique", "range", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_row(
            escape(str(column.get("name"))),
            str(column.get("type", "")),
            words.count(column.get("missing")),
            words.count(column.get("unique")),
            _range(column),
        )
    return table


def _range(column: Mapping[str, Any]) -> str:
    low, high = column.get("minimum"), column.get("maximum")
    if isinstance(low, int | float) and isinstance(high, int | float):
        return f"{words.value(low)} … {words.value(high)}"
    return ""
