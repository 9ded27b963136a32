"""A service of its own for a benchmark: started by the same command that a person uses, in a temporary folder."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx2
import torch

ROOT = Path(__file__).parents[1]
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Yard:
    """A running service and a client that speaks to it."""

    url: str
    key: str
    http: httpx2.Client
    started_in_seconds: float

    def submit(self, spec: dict[str, Any]) -> tuple[str, float]:
        """Submit a job; answers its id and the time just before the request, in seconds since the epoch."""
        body = json.dumps(spec)
        began = time.time()
        answer = self.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
        answer.raise_for_status()
        return answer.json()["id"], began

    def finished(self, job_id: str) -> dict[str, Any]:
        """The job once it is over, by long-poll."""
        etag = '""'
        while True:
            answer = self.http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=30", "If-None-Match": etag})
            if answer.status_code == 200:
                job, etag = answer.json(), answer.headers["etag"]
                if job["status"] in {"succeeded", "failed", "cancelled"}:
                    return job

    def metric(self, job_id: str, name: str) -> dict[str, Any]:
        """A whole series."""
        answer = self.http.get(f"/v1/jobs/{job_id}/metrics/{name}", params={"max_points": 10_000})
        answer.raise_for_status()
        return answer.json()


@contextmanager
def running(**environment: str) -> Iterator[Yard]:
    """Start a service, wait until it takes jobs, stop it at the end, also where SIGTERM is what ends us."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="trainyard-bench-") as folder:
        command = [sys.executable, "-P", "-m", "launcher", "up", "--port", "0", "--data-dir", folder]
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            url = _ready(process)
            key = (Path(folder) / "admin.key").read_text().strip()
            with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60.0) as http:
                yield Yard(url, key, http, time.monotonic() - began)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def spread(milliseconds: Sequence[float]) -> str:
    """Median, 95th percentile and worst of some times, in words."""
    p95 = quantiles(milliseconds, n=20)[-1] if len(milliseconds) > 1 else milliseconds[0]
    return f"p50 {median(milliseconds):.1f} ms   p95 {p95:.1f} ms   worst {max(milliseconds):.1f} ms"


def machine() -> str:
    """What a number was measured on."""
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}"
    )


def _ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + _START_SECONDS
    for line in process.stdout:
        if line.startswith("ready "):
            return line.split()[1]
        if time.monotonic() > deadline:
            break
    raise RuntimeError("the service did not become ready")
