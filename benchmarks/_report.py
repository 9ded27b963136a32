"""What a benchmark has found: the rows of its table, printed, and kept where asked to.

Every row compares ours with peers, and with what the machine itself allows where that is known. `docs/benchmarks/`
holds one file per benchmark.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

STORE = Path(__file__).parents[1] / "docs" / "benchmarks"
_NAMES = ("Trainyard", "limit", "asked", "kept")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: what was measured, of us and of peers, in `unit`; `ratio` is a peer's number by ours or ours by theirs,
    larger being better for us; `asked` says the target in words, and `kept` whether it was reached.
    """

    what: str
    ours: float
    unit: str
    asked: str
    kept: bool
    peers: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    ratio: Mapping[str, float] = field(default_factory=dict)


def machine() -> dict[str, Any]:
    """What the numbers were measured on, and how busy it was."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def table(rows: Sequence[Row]) -> str:
    """The rows as text, a column per peer."""
    peers = list(dict.fromkeys(name for row in rows for name in row.peers))
    lines = [["what", _NAMES[0], *peers, *_NAMES[1:]]]
    for row in rows:
        theirs = [_peer(row, name) for name in peers]
        limit = "" if row.limit is None else f"{row.limit:.4g}"
        kept = "yes" if row.kept else "NO"
        lines.append([row.what, f"{row.ours:.4g} {row.unit}", *theirs, limit, row.asked, kept])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def finish(name: str, rows: Sequence[Row], *, write: bool) -> int:
    """Print the table, keep it where asked to; answers the exit status: 1 where a target was missed."""
    measured = machine()
    print(", ".join(f"{key} {value}" for key, value in measured.items()))
    print(table(rows))
    if write:
        STORE.mkdir(exist_ok=True)
        found = {
            "name": name,
            "date": time.strftime("%Y-%m-%d"),
            "machine": measured,
            "rows": [asdict(row) for row in rows],
        }
        (STORE / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0 if all(row.kept for row in rows) else 1


def _peer(row: Row, name: str) -> str:
    if name not in row.peers:
        return ""
    ratio = f" ({row.ratio[name]:.3g}x)" if name in row.ratio else ""
    return f"{row.peers[name]:.4g}{ratio}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
