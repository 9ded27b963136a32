"""How fast points of a metric go in and come out, and what they take on the disk, against MLflow's tracking server.

Into ours they go as they do in the service: the attempt that holds the job appends a thousand in one transaction, which
ends on the disk. MLflow takes its `log-batch` of a thousand over HTTP. Out they come over HTTP from both: 25,000 points
as they are, and of a million a thousand buckets that hide no spike.

    ./run bench metrics [--rounds 5] [--write] [--without-mlflow]
"""

from __future__ import annotations

import argparse
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
import orjson
from _report import Row, finish
from _servers import Server
from _specs import SPEC

from models import leases, metrics
from models.database import Database
from models.leases import Lease
from models.metric_blobs import points

_BATCH = 1000
_HISTORY = 25_000
_MILLION = 1_000_000
_LONGEST_MILLISECONDS = 100.0
_MOST_BYTES = 16.0
_ASKED = 50.0
_LEASE_SECONDS = 3600.0  # while the peer has its turn nobody renews ours


def main() -> int:
    """Measure, print, and say by the exit status whether every target is met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--without-mlflow", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainyard-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        patient = _servers.ours(folder / "ours", TRAINYARD_LEASE_SECONDS=str(_LEASE_SECONDS))
        us = Ours(stack.enter_context(patient))
        stack.callback(us.close)
        peer = None if chosen.without_mlflow else Mlflow(stack.enter_context(_servers.mlflow(folder / "mlflow")))
        rows = [*_against(us, peer, rounds=chosen.rounds), *_million(us, rounds=chosen.rounds)]
    return finish("metrics", rows, write=chosen.write)


class Ours:
    """A job that a worker holds, on a running service."""

    def __init__(self, server: Server) -> None:
        assert server.settings is not None
        self.database = Database(server.settings.database)
        self.http = httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}, timeout=60.0)
        self.http.post("/v1/jobs", json=SPEC).raise_for_status()
        with self.database.unit_of_work() as connection:
            claim = leases.claim(
                connection,
                pool="default",
                worker_id="wrk_bench",
                worker="bench",
                device="cpu",
                lease_seconds=_LEASE_SECONDS,
            )
        assert claim is not None
        self.lease: Lease = claim.lease

    def append(self, name: str, first: int, count: int) -> None:
        """Append points in one transaction."""
        steps = np.arange(first, first + count)
        values = np.sin(steps / 50.0) + np.random.default_rng(first).normal(size=count)
        with leases.holding(self.database, self.lease, lease_seconds=_LEASE_SECONDS) as connection:
            made = points(steps, 1.7e9 + steps * 0.01, values)
            metrics.append(connection, job_id=self.lease.job_id, series={name: made})

    def read(self, name: str, max_points: int) -> int:
        """Read a series; how many columns came."""
        path = f"/v1/jobs/{self.lease.job_id}/metrics/{name}"
        answer = self.http.get(path, params={"max_points": max_points})
        answer.raise_for_status()
        return len(orjson.loads(answer.content)["step"])

    def stored_bytes(self) -> int:
        """The size of the database."""
        assert self.database.url.database is not None
        return Path(self.database.url.database).stat().st_size

    def close(self) -> None:
        """Let go of the service."""
        self.http.close()
        self.database.close()


class Mlflow:
    """A run of a running tracking server."""

    def __init__(self, server: Server) -> None:
        self.http = httpx2.Client(base_url=f"{server.url}/api/2.0/mlflow", timeout=120.0)
        experiment = self._ask("experiments/create", name="bench")["experiment_id"]
        self.run_id = self._ask("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]

    def append(self, name: str, first: int, count: int) -> None:
        """Log points in one request."""
        batch = [
            {"key": name, "value": float(np.sin(step / 50.0)), "timestamp": 1_700_000_000_000 + 10 * step, "step": step}
            for step in range(first, first + count)
        ]
        self._ask("runs/log-batch", run_id=self.run_id, metrics=batch)

    def read(self, name: str, max_points: int) -> int:
        """Read a history in one page; how many points came."""
        query = {"run_id": self.run_id, "metric_key": name, "max_results": max_points}
        answer = self.http.get("/metrics/get-history", params=query)
        answer.raise_for_status()
        return len(orjson.loads(answer.content)["metrics"])

    def _ask(self, what: str, **document: object) -> dict[str, dict[str, dict[str, str]]]:
        answer = self.http.post(f"/{what}", json=document)
        answer.raise_for_status()
        return answer.json()


def _against(us: Ours, peer: Mlflow | None, *, rounds: int) -> list[Row]:
    """Rates and times in turns; the first round warms up."""
    sides: dict[str, Ours | Mlflow] = {"ours": us} if peer is None else {"ours": us, "MLflow": peer}
    went_in: dict[str, list[float]] = {name: [] for name in sides}
    came_out: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            rate, took = _round(side, f"train/loss{number}")
            if number:
                went_in[name].append(rate)
                came_out[name].append(took)
    faster = {} if peer is None else {"MLflow": _ratio(went_in["ours"], went_in["MLflow"])}
    sooner = {} if peer is None else {"MLflow": _ratio(came_out["MLflow"], came_out["ours"])}
    return [
        _row("points in, 1,000 a commit", went_in, "/s", faster),
        _row("history of 25,000 points out", came_out, "ms", sooner),
    ]


def _round(side: Ours | Mlflow, series: str) -> tuple[float, float]:
    """Points a second in, and the milliseconds that all of them take out, at best of three."""
    spent = []
    for first in range(0, _HISTORY, _BATCH):
        began = time.perf_counter()
        side.append(series, first, _BATCH)
        spent.append(time.perf_counter() - began)
    return _BATCH / median(spent), 1000 * min(_seconds(lambda: _whole(side, series)) for _ in range(3))


def _million(us: Ours, *, rounds: int) -> list[Row]:
    before = us.stored_bytes()
    for first in range(0, _MILLION, 50 * _BATCH):
        us.append("train/accuracy", first, 50 * _BATCH)
    size = (us.stored_bytes() - before) / _MILLION
    times = [1000 * _seconds(lambda: us.read("train/accuracy", 1000)) for _ in range(rounds + 1)]
    took = median(times[1:])
    return [
        Row(
            what="1,000,000 points as 1,000 buckets",
            ours=took,
            unit="ms",
            asked=f"<= {_LONGEST_MILLISECONDS:g}",
            kept=took <= _LONGEST_MILLISECONDS,
        ),
        Row(
            what="a point on the disk, database and all",
            ours=size,
            unit="bytes",
            asked=f"<= {_MOST_BYTES:g}",
            kept=size <= _MOST_BYTES,
        ),
    ]


def _row(what: str, found: dict[str, list[float]], unit: str, ratio: dict[str, float]) -> Row:
    return Row(
        what=what,
        ours=median(found["ours"]),
        unit=unit,
        peers={name: median(values) for name, values in found.items() if name != "ours"},
        ratio=ratio,
        asked=f">= {_ASKED:g}x MLflow",
        kept=all(value >= _ASKED for value in ratio.values()),
    )


def _ratio(larger: list[float], smaller: list[float]) -> float:
    return median(one / other for one, other in zip(larger, smaller, strict=True))


def _whole(side: Ours | Mlflow, series: str) -> None:
    assert side.read(series, _HISTORY) == _HISTORY


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
