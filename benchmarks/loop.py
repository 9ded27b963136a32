"""Rows a second: our training loop inside the running service, against a textbook's and those of other libraries.

Ours is a job over HTTP with checks, metrics, histograms, checkpoints and heartbeats on; its speed is the one that its
result shows, which is that of its epochs. Beside it `train` runs bare, without service and callbacks. The others train
the same network on the same data by their own means, as lean as they allow. All take turns, each in a process of its
own with one thread, and the ratios are medians over the rounds.

    ./run bench loop [WORKLOAD ...] [--rounds N] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _peers import ROOT, Peer
from _report import Row, finish
from _workloads import WORKLOADS, Workload
from _yard import Yard, running

from trainyard import Client

PEERS = ("lightning", "keras", "skorch", "transformers")
#: At least so many times the rows a second of the textbook, and of the best of the peers.
TARGETS: Mapping[str, tuple[float, float]] = {
    "tab": (2.0, 1.8),
    "mlp": (1.6, 1.8),
    "cnn": (1.35, 1.3),
    "lstm": (0.98, 1.0),
}
#: Epochs of a round of ours, and of the others. A job is a fresh process each time, the others go on where they were:
#: ours are long enough for its first steps not to count.
EPOCHS: Mapping[str, tuple[int, int]] = {"tab": (30, 8), "mlp": (3, 1), "cnn": (2, 1), "lstm": (5, 1)}
MOST_OVERHEAD = 0.03
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
BARE = """
import json, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from models.formats import read
from models.formats.summaries import profile
from models.spec import parse, resolve
from worker.training import train
source = read(Path(sys.argv[1]), format=sys.argv[2], options={})
spec = resolve(parse(json.loads(sys.argv[3])), profile(source))
for _ in sys.stdin:
    with TemporaryDirectory() as folder:
        result = train(spec, source, directory=Path(folder), device="cpu", num_threads=1).result
    print(result["samples_per_second"], flush=True)
"""


def main() -> int:
    """Measure, print, and say by the exit status whether the targets are met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", nargs="*", default=[*WORKLOADS])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    slots = str(os.cpu_count() or 1)  # as many as there are cores: one thread each
    with running(**ONE_THREAD, TRAINYARD_SLOTS=slots) as yard, tempfile.TemporaryDirectory() as folder:
        rows = [
            row
            for name in asked.workloads
            for row in compared(WORKLOADS[name], yard, folder=Path(folder), num_rounds=asked.rounds)
        ]
    return finish("loop", rows, write=asked.write)


def compared(workload: Workload, yard: Yard, *, folder: Path, num_rounds: int) -> list[Row]:
    """The rows of one workload. The first round warms up and does not count."""
    speeds: dict[str, list[float]] = {}
    with ExitStack() as stack:
        loops = _loops(workload, yard, folder, stack)
        for number in range(num_rounds + 1):
            for name, loop in loops.items():
                speed = loop()
                if number:
                    speeds.setdefault(name, []).append(speed)
    return [_against_others(workload, speeds), _overhead(workload, speeds)]


def _loops(workload: Workload, yard: Yard, folder: Path, stack: ExitStack) -> dict[str, Callable[[], float]]:
    """By name, what trains for a round and answers rows a second."""
    path, kind = written(workload, folder)
    epochs, their_epochs = EPOCHS[workload.name]
    with Client(yard.url, yard.key) as client:
        dataset = client.datasets.upload(path, format=kind).id
    bare = stack.enter_context(_bare(path, kind, workload.spec("bare", epochs=epochs)))
    peers = {
        name: stack.enter_context(
            Peer(
                "loops",
                "loops",
                name,
                workload.name,
                shares_packages=True,
                environment={**ONE_THREAD, "KERAS_BACKEND": "torch", "PYTHONPATH": str(Path(__file__).parent)},
            )
        )
        for name in ("textbook", *PEERS)
    }

    def ours() -> float:
        job = yard.finished(yard.submit(workload.spec(dataset, epochs=epochs))[0])
        if job["status"] != "succeeded":
            raise SystemExit(f"{job['id']} {job['status']}: {job['reason']}")
        return float(job["result"]["samples_per_second"])

    def of(peer: Peer) -> Callable[[], float]:
        return lambda: float(peer.ask("round", epochs=their_epochs)["rows_per_second"])

    return {"ours": ours, "bare": bare, **{name: of(peer) for name, peer in peers.items()}}


def written(workload: Workload, folder: Path) -> tuple[Path, str]:
    """The data of a workload as a file that jobs read, and its format."""
    inputs, targets = workload.arrays()
    if inputs.dtype == np.uint8:
        path = folder / f"{workload.name}.npz"
        np.savez(path, x=inputs, y=targets)
        return path, "npz"
    path = folder / f"{workload.name}.parquet"
    if workload.is_classifier:
        columns = {f"x{number}": column for number, column in enumerate(inputs.T)}
        columns["target"] = np.array(["no", "yes"])[targets]
    else:  # windows back to the series that they were cut from
        series = np.concatenate([inputs[:, 0], inputs[-1, 1:]])
        columns = {f"s{number}": np.ascontiguousarray(column) for number, column in enumerate(series.T)}
    pq.write_table(pa.table(columns), path)
    return path, "parquet"


@contextmanager
def _bare(path: Path, kind: str, spec: Mapping[str, object]) -> Iterator[Callable[[], float]]:
    """`train` in a process of its own, with nobody to tell anything."""
    process = subprocess.Popen(
        [sys.executable, "-c", BARE, str(path), kind, json.dumps(spec)],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asks, answers = process.stdin, process.stdout

    def trained() -> float:
        asks.write("\n")
        asks.flush()
        return float(answers.readline())

    try:
        yield trained
    finally:
        asks.close()
        process.wait(timeout=60)


def _against_others(workload: Workload, speeds: Mapping[str, list[float]]) -> Row:
    over = {
        name: median(mine / theirs for mine, theirs in zip(speeds["ours"], speeds[name], strict=True))
        for name in ("textbook", *PEERS)
    }
    best = min(over[name] for name in PEERS)
    least, least_of_best = TARGETS[workload.name]
    return Row(
        what=f"{workload.name}: training inside the service",
        ours=median(speeds["ours"]),
        unit="rows/s",
        peers={name: median(speeds[name]) for name in over},
        ratio=over,
        asked=f">= {least:g} x textbook, >= {least_of_best:g} x the best peer",
        kept=over["textbook"] >= least and best >= least_of_best,
    )


def _overhead(workload: Workload, speeds: Mapping[str, list[float]]) -> Row:
    shares = [mine / bare for mine, bare in zip(speeds["ours"], speeds["bare"], strict=True)]
    return Row(
        what=f"{workload.name}: share of the bare loop's speed inside the service",
        ours=median(shares),
        unit="",
        peers={"bare loop, rows/s": median(speeds["bare"])},
        asked=f">= {1 - MOST_OVERHEAD:g}",
        kept=median(shares) >= 1 - MOST_OVERHEAD,
    )


if __name__ == "__main__":
    sys.exit(main())
