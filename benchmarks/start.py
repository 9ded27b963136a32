"""How soon a job trains: POST to its first optimizer step on an idle worker, and how soon the API itself is there.

Ours is the clock of the trainer, as the service shows it: the time of the first point of `train/loss`, on iris with
one hidden layer of 16. Peers take one step of the same network on rows that need no reading: as a job of Ray, and as a
fresh Python process. They take turns in one run, each while the others are idle.

    ./run bench start [--jobs 40] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

import httpx2
from _peers import PEERS, Peer
from _report import Row, finish
from _yard import ROOT, Yard, running, spread

from launcher.preparation import prepare
from models.settings import Settings

TINY = {"data": {"dataset": "iris"}, "network": {"type": "mlp", "hidden": [16]}, "training": {"epochs": 10}}
WARM_UP_JOBS = 3
PAUSE_SECONDS = 0.3  # long enough for the next spare trainer to stand ready: the worker is idle by then
_LEAST_RATIO = 100.0
_MOST_MILLISECONDS = 50.0
_MOST_API_SECONDS = 1.5
_NUM_STARTS = 5


def main() -> int:
    """Measure, print, and say by the exit status whether the targets are met."""
    parser = argparse.ArgumentParser(prog="./run bench start")
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=7, help="jobs of each peer")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    ours: list[float] = []
    ray: list[float] = []
    fresh: list[float] = []
    with running() as yard, closing(Peer("ray", "ray_jobs", shares_packages=True)) as head:
        head.ask("run")
        for _ in range(WARM_UP_JOBS):
            to_first_step(yard)
        for number in range(asked.rounds):
            share = range(number * asked.jobs // asked.rounds, (number + 1) * asked.jobs // asked.rounds)
            ours += [to_first_step(yard) for _ in share]
            ray.append(1000 * head.ask("run")["to_first_step"])
            fresh.append(fresh_process())
    print(f"Trainyard, {len(ours)} jobs: {spread(ours)}")
    print(f"Ray Jobs, {len(ray)} jobs: {spread(ray)}")
    print(f"fresh process, {len(fresh)} times: {spread(fresh)}")
    return finish("start", [*first_step_rows(ours, ray, fresh), *api_rows()], write=asked.write)


def to_first_step(yard: Yard) -> float:
    """Milliseconds from the request to the end of the first step."""
    time.sleep(PAUSE_SECONDS)
    job_id, began = yard.submit(TINY)
    job = yard.finished(job_id)
    if job["status"] != "succeeded":
        raise SystemExit(f"{job_id} {job['status']}: {job['reason']}")
    first = datetime.fromisoformat(yard.metric(job_id, "train/loss")["time"][0]).timestamp()
    return 1000 * (first - began)


def fresh_process() -> float:
    """Milliseconds until a Python that is started now has taken the step."""
    began = time.time()
    ran = subprocess.run([sys.executable, str(PEERS / "first_step.py")], capture_output=True, text=True, check=True)
    return 1000 * float(json.loads(ran.stdout)["first_step_at"] - began)


def first_step_rows(ours: list[float], ray: list[float], fresh: list[float]) -> list[Row]:
    """The median beside the peers', and the tail."""
    middle, tail = median(ours), quantiles(ours, n=20)[-1]
    peers = {"Ray Jobs": median(ray), "fresh process": median(fresh)}
    ratio = {name: theirs / middle for name, theirs in peers.items()}
    return [
        Row(
            what="POST to first optimizer step, median",
            ours=middle,
            unit="ms",
            peers=peers,
            ratio=ratio,
            asked=f">= {_LEAST_RATIO:g}x faster than Ray Jobs",
            kept=ratio["Ray Jobs"] >= _LEAST_RATIO,
        ),
        Row(
            what="POST to first optimizer step, 95th percentile",
            ours=tail,
            unit="ms",
            asked=f"<= {_MOST_MILLISECONDS:g} ms",
            kept=tail <= _MOST_MILLISECONDS,
        ),
    ]


def api_rows() -> list[Row]:
    """From starting the API's process to its first answer, and whether it has PyTorch in its memory then."""
    started = [api_start() for _ in range(_NUM_STARTS)]
    seconds, has_torch = median(seconds for seconds, _ in started), any(has for _, has in started)
    return [
        Row(
            what="API process: start to first answer, median",
            ours=seconds,
            unit="s",
            asked=f"<= {_MOST_API_SECONDS:g} s",
            kept=seconds <= _MOST_API_SECONDS,
        ),
        Row(
            what="API process: libraries of PyTorch in its memory",
            ours=float(has_torch),
            unit="",
            asked="none",
            kept=not has_torch,
        ),
    ]


def api_start() -> tuple[float, bool]:
    """Seconds until a fresh API answers, on tables that are there already, and whether it maps torch."""
    door = socket.create_server(("127.0.0.1", 0))
    with tempfile.TemporaryDirectory(prefix="trainyard-bench-") as folder, door:
        environment = {**os.environ, "TRAINYARD_DATA_DIR": folder}
        prepare(Settings(data_dir=Path(folder)).database)
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        command = [sys.executable, "-P", "-m", "launcher.api", str(door.fileno())]
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, pass_fds=[door.fileno()], stderr=subprocess.DEVNULL
        )
        try:
            httpx2.get(f"{url}/healthz", timeout=60).raise_for_status()
            seconds = time.perf_counter() - began
            return seconds, "torch" in Path(f"/proc/{process.pid}/maps").read_text()
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
