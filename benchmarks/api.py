"""How fast jobs are stored and read over HTTP, against the textbook FastAPI service and MLflow's tracking server.

Each server is one process on SQLite that syncs every answer to the disk; the load comes from this process over raw
sockets, one server at a time, in turns, and the ratio of a row is the median of its rounds' ratios. On a machine of two
cores load and server have one each. `healthz` of our own server is what HTTP alone costs here: the limit.

    ./run bench api [--rounds 5] [--seconds 2] [--write] [--without-mlflow]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import _servers
import httpx2
from _load import Load, Requests, pump, request
from _report import Row, finish
from _servers import ROOT, Server
from _specs import SPEC

_NUM_SPECS = 1000
_LONGEST_MILLISECONDS = 100.0
_START_SECONDS = 1.5


@dataclass
class Series:
    """What the rounds of one row have found, by server."""

    loads: dict[str, list[Load]] = field(default_factory=dict)

    def rate(self, name: str) -> float:
        """The median rate."""
        return median(load.rate for load in self.loads[name])

    def ratio(self, name: str) -> float:
        """Ours by theirs, round by round, and of these the median."""
        return median(us.rate / them.rate for us, them in zip(self.loads["ours"], self.loads[name], strict=True))


@dataclass(frozen=True)
class Case:
    """A request that is made of several servers, by so many clients at once."""

    connections: int
    requests: Mapping[str, tuple[Server, Requests]]

    def measure(self, *, rounds: int, seconds: float) -> Series:
        """In turns; the first round warms up and is forgotten."""
        found = Series({name: [] for name in self.requests})
        for number in range(rounds + 1):
            for name, (server, requests) in self.requests.items():
                load = pump(server.url, requests, connections=self.connections, seconds=seconds)
                if number:
                    found.loads[name].append(load)
        return found


def same(content: bytes) -> Requests:
    """The same request again and again."""
    return lambda _: content


def submissions(path: str, *, key: str | None = None) -> Requests:
    """Specs as a sweep sends them: each has a name and a width of its own."""
    specs = [
        {**SPEC, "name": f"digits-{number}", "network": {"type": "mlp", "hidden": [16 + number, 32]}}
        for number in range(_NUM_SPECS)
    ]
    made = [request("POST", path, key=key, body=json.dumps(spec).encode()) for spec in specs]
    return lambda number: made[number % _NUM_SPECS]


def main() -> int:
    """Measure, print, and say by the exit status whether every target is met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--without-mlflow", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainyard-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        us = stack.enter_context(_servers.ours(folder / "ours"))
        orm = stack.enter_context(_servers.orm(folder / "orm"))
        mlflow = None if chosen.without_mlflow else stack.enter_context(_servers.mlflow(folder / "mlflow"))
        submits, reads = _cases(us, orm, mlflow)
        submitted = submits.measure(rounds=chosen.rounds, seconds=chosen.seconds)
        read = reads.measure(rounds=chosen.rounds, seconds=chosen.seconds)
        starts = [us.started_in_seconds, *(_start(folder / f"start-{number}") for number in range(chosen.rounds))]
        rows = _rows(submitted, read, starts, mlflow)
    return finish("api", rows, write=chosen.write)


def _cases(us: Server, orm: Server, mlflow: Server | None) -> tuple[Case, Case]:
    job = _made(f"{us.url}/v1/jobs", SPEC, us.key)["id"]
    theirs = _made(f"{orm.url}/jobs", SPEC)["id"]
    limit = us, same(request("GET", "/healthz"))
    submits = {
        "ours": (us, submissions("/v1/jobs", key=us.key)),
        "FastAPI + ORM": (orm, submissions("/jobs")),
        "HTTP alone": limit,
    }
    reads = {
        "ours": (us, same(request("GET", f"/v1/jobs/{job}", key=us.key))),
        "FastAPI + ORM": (orm, same(request("GET", f"/jobs/{theirs}"))),
        "HTTP alone": limit,
    }
    if mlflow is not None:
        api = f"{mlflow.url}/api/2.0/mlflow"
        experiment = _made(f"{api}/experiments/create", {"name": "bench"})["experiment_id"]
        create = {"experiment_id": experiment, "run_name": "digits", "tags": [{"key": "team", "value": "risk"}]}
        run = _made(f"{api}/runs/create", create)["run"]["info"]["run_id"]
        body = json.dumps(create).encode()
        submits["MLflow"] = mlflow, same(request("POST", "/api/2.0/mlflow/runs/create", body=body))
        reads["MLflow"] = mlflow, same(request("GET", f"/api/2.0/mlflow/runs/get?run_id={run}"))
    return Case(64, submits), Case(16, reads)


def _rows(submitted: Series, read: Series, starts: list[float], mlflow: Server | None) -> list[Row]:
    asked = {"submit": {"FastAPI + ORM": 4.0, "MLflow": 30.0}, "read": {"FastAPI + ORM": 4.0, "MLflow": 50.0}}
    worst = median(load.p99 for load in submitted.loads["ours"])
    start = median(starts)
    return [
        _row("durable POST /v1/jobs, 64 clients", submitted, asked["submit"]),
        Row(
            what="the same: 99th percentile",
            ours=worst,
            unit="ms",
            peers={name: median(load.p99 for load in loads) for name, loads in _peers(submitted).items()},
            asked=f"<= {_LONGEST_MILLISECONDS:g}",
            kept=worst <= _LONGEST_MILLISECONDS,
        ),
        _row("GET /v1/jobs/{id}, 16 clients", read, asked["read"]),
        Row(
            what="start of the API process, to its first answer",
            ours=start,
            unit="s",
            peers={} if mlflow is None else {"MLflow": mlflow.started_in_seconds},
            asked=f"<= {_START_SECONDS:g}, without torch",
            kept=start <= _START_SECONDS and not _imports_torch(),
        ),
    ]


def _row(what: str, series: Series, asked: Mapping[str, float]) -> Row:
    peers = _peers(series)
    ratio = {name: series.ratio(name) for name in peers}
    return Row(
        what=what,
        ours=series.rate("ours"),
        unit="/s",
        peers={name: series.rate(name) for name in peers},
        limit=series.rate("HTTP alone"),
        ratio=ratio,
        asked=", ".join(f">= {asked[name]:g}x {name}" for name in peers),
        kept=all(ratio[name] >= asked[name] for name in peers),
    )


def _peers(series: Series) -> dict[str, list[Load]]:
    return {name: loads for name, loads in series.loads.items() if name not in {"ours", "HTTP alone"}}


def _made(url: str, document: object, key: str | None = None) -> dict[str, object]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    answer = httpx2.post(url, json=document, headers=headers, timeout=60.0)
    answer.raise_for_status()
    made: dict[str, object] = answer.json()
    return made


def _start(folder: Path) -> float:
    with _servers.ours(folder) as server:
        return server.started_in_seconds


def _imports_torch() -> bool:
    code = "import sys, launcher.api, api.connections, api.main; api.main.create_app(); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout.strip() != "False"


if __name__ == "__main__":
    sys.exit(main())
