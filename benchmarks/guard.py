"""Whether the service has become slower: our own limits only, in less than a minute and a half.

Each figure is a ratio to something physical that is measured beside it in the same run: HTTP alone, a sync of the disk,
a pass over the numbers. So a slower machine moves both. It is compared with docs/benchmarks/guard.json; a regression is
a ratio that is more than a tenth worse there, or more than the rounds of this run differ among themselves where that is
more.

    ./run bench guard [--rounds 7] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import _servers
import httpx2
import numpy as np
from _load import Requests, pump, request
from _report import STORE, Row, finish
from _servers import Server
from _specs import SPEC
from metrics import Ours

_TOLERANCE = 0.10
_SECONDS = 0.8
_POINTS = 200_000

Ratios = dict[str, Callable[[], float]]


def main() -> int:
    """Measure and compare; the exit status says whether anything has become slower."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="keep this as what later runs are compared with")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainyard-bench-") as name, ExitStack() as stack:
        server = stack.enter_context(_servers.ours(Path(name) / "ours"))
        us = Ours(server)
        stack.callback(us.close)
        us.append("train/loss", 0, _POINTS)
        ratios = {**_http(server), **_metrics(us, Path(name))}
        found: dict[str, list[float]] = {what: [] for what in ratios}
        for number in range(chosen.rounds + 1):
            for what, measure in ratios.items():
                ratio = measure()
                if number:
                    found[what].append(ratio)
    return finish("guard", [_row(what, values) for what, values in found.items()], write=chosen.write)


def _http(server: Server) -> Ratios:
    job = httpx2.post(f"{server.url}/v1/jobs", json=SPEC, headers={"Authorization": f"Bearer {server.key}"}).json()
    plain = request("GET", "/healthz")
    read = request("GET", f"/v1/jobs/{job['id']}", key=server.key)
    submit = request("POST", "/v1/jobs", key=server.key, body=json.dumps(SPEC).encode())
    return {
        "GET /v1/jobs/{id} by HTTP alone, 16 clients": lambda: _rate(server, read, 16) / _rate(server, plain, 16),
        "POST /v1/jobs by HTTP alone, 64 clients": lambda: _rate(server, submit, 64) / _rate(server, plain, 64),
    }


def _metrics(us: Ours, folder: Path) -> Ratios:
    steps = iter(range(_POINTS, 1 << 40, 1000))
    numbers = np.random.default_rng(0).normal(size=_POINTS)
    return {
        "a sync of the disk by 1,000 points stored": lambda: (
            _seconds(lambda: _sync(folder)) / _seconds(lambda: us.append("train/loss", next(steps), 1000))
        ),
        "sorting 200,000 numbers by their 1,000 buckets": lambda: (
            _seconds(lambda: np.sort(numbers)) / _seconds(lambda: us.read("train/loss", 1000))
        ),
    }


def _rate(server: Server, content: bytes, connections: int) -> float:
    requests: Requests = lambda _: content  # noqa: E731
    return pump(server.url, requests, connections=connections, seconds=_SECONDS).rate


def _row(what: str, found: list[float]) -> Row:
    ours = median(found)
    before = _before().get(what)
    spread = median(abs(value - ours) for value in found) / ours
    allowed = max(_TOLERANCE, 2 * spread)
    asked = "nothing to compare with" if before is None else f">= {1 - allowed:.0%} of {before:.3g}"
    return Row(
        what=what,
        ours=ours,
        unit=f"(rounds differ by {spread:.0%})",
        asked=asked,
        kept=before is None or ours >= (1 - allowed) * before,
    )


def _before() -> dict[str, float]:
    path = STORE / "guard.json"
    if not path.exists():
        return {}
    return {row["what"]: row["ours"] for row in json.loads(path.read_text())["rows"]}


def _sync(folder: Path) -> None:
    """Write a page and have it on the disk, as a commit does at the least."""
    with (folder / "page").open("wb") as file:
        file.write(bytes(16_384))
        file.flush()
        os.fsync(file.fileno())


def _seconds(do: Callable[[], object]) -> float:
    """At best of five."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        do()
        times.append(time.perf_counter() - began)
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
