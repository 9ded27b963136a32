"""docs/benchmarks.md, from the results that the benchmarks have kept beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

_HEAD = """# Benchmarks

What the service does beside its peers and beside what the machine allows. Every table is written by
`./run bench NAME --write`, and this page by `./run bench all --page` from the files in `docs/benchmarks/`. Ours and the
peers take turns in one run, so a ratio holds where an absolute number does not: it depends on the machine, and on what
else ran there (`load`). A ratio above 1 is in our favour. `limit` is what the same machine gives without the work
itself; each script says what that is. A target that was missed says **no**.

`./run bench guard` is the short form with our own limits only, which `./run check --guard` runs on a quiet machine.
"""


def page(files: Sequence[Path]) -> str:
    """The page, a section a file."""
    return "\n".join([_HEAD, *(_section(json.loads(file.read_text())) for file in files)])


def _section(found: dict[str, Any]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    peers = list(dict.fromkeys(name for row in found["rows"] for name in row["peers"]))
    head = ["", "Trainyard", *peers, "limit", "asked", "kept"]
    lines = [
        f"## {found['name']}",
        "",
        f"Measured {found['date']}: {machine}.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(_line(row, peers) for row in found["rows"]),
        "",
    ]
    return "\n".join(lines)


def _line(row: dict[str, Any], peers: Sequence[str]) -> str:
    limit = "" if row["limit"] is None else _number(row["limit"])
    others = "; ".join(f"{ratio:.3g} {name}" for name, ratio in row["ratio"].items() if name not in row["peers"])
    ours = f"{_number(row['ours'])} {row['unit']}" + (f" ({others})" if others else "")
    cells = [row["what"], ours, *(_peer(row, name) for name in peers), limit]
    return f"| {' | '.join(cells)} | {row['asked']} | {'yes' if row['kept'] else '**no**'} |"


def _peer(row: dict[str, Any], name: str) -> str:
    if name not in row["peers"]:
        return ""
    ratio = f" ({row['ratio'][name]:.3g}x)" if name in row["ratio"] else ""
    return _number(row["peers"][name]) + ratio


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
