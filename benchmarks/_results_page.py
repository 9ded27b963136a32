"""docs/results.md, from what `results.py` has measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def page(store: Mapping[str, Any]) -> str:
    """docs/results.md from what was measured."""
    lines = [
        "# Results",
        "",
        "What jobs score by Trainyard's defaults on public data. Written by `./run bench results --write`, which runs",
        "the jobs on a service of its own over HTTP; the test rows of a job are scored once, at its end. Bounds that",
        "name a baseline are that baseline's score on the same test rows. Seconds are those of one job, all phases, on",
        "the machine named below.",
        "",
        "| data | spec | test score: mean (least to most) | asked | baselines beside it | jobs | seconds |",
        "|---|---|---|---|---|---|---|",
        *(_line(row) for row in store.values()),
        "",
        *sorted({f"Measured {row['measured']}." for row in store.values()}),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Mapping[str, Any]) -> str:
    scores = "<br>".join(
        f"{score['metric']} {score['found']:.4g} ({score['least']:.4g} to {score['most']:.4g})"
        + ("" if score["is_met"] else " **missed**")
        for score in row["targets"]
    )
    asked = "<br>".join(
        f"{'<=' if score['smaller'] else '>='} {score['bound']:.4g}"
        + (f" ({score['rival'].replace('_', ' ')})" if score["rival"] else "")
        for score in row["targets"]
        if score["bound"] is not None
    )
    if row["max_seconds"] is not None:
        asked += f", at most {row['max_seconds']:g} s"
    rivals = "<br>".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in row["baselines"].items())
    for dropped in row["rows_dropped"].values():
        scores += "<br>training rows lost: " + ", ".join(f"{count:,} of {name}" for name, count in dropped.items())
    asks = row["asks"] if row["network"] in row["asks"] else f"{row['asks']} ({row['network']})"
    return f"| {row['data']} | {asks} | {scores} | {asked} | {rivals} | {row['num_jobs']} | {row['seconds']:g} |"
