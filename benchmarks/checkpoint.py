"""How long training stands still for a checkpoint of 105 MB, and how long the checkpoint takes to be durable.

Ours and a textbook loop that calls `torch.save`, syncs and renames train the same network in turns, saving every few
steps. The stall of a round is its slowest step less its median step. Then the same tensors are made durable in turns:
by ours with digests and manifest, by `torch.save`, and as raw bytes in one file, which is what the disk allows.

    ./run bench checkpoint [ROUNDS] [--write]
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from _report import Row, finish
from torch import nn

from models.formats.sources import Images
from models.formats.summaries import profile
from models.spec import parse, resolve
from worker.training import Callback, Progress, train
from worker.training.checkpoint import Snapshot, save

ROUNDS = 7
WIDTHS = (784, 2304, 2304, 704, 10)
BATCH, STEPS, EVERY = 64, 50, 20
ROOM = Path(__file__).parents[1] / ".trainyard"  # a temporary folder of the system is often memory


def main() -> int:
    """Measure, print, and say by the exit status whether the targets are met."""
    arguments = [word for word in sys.argv[1:] if word != "--write"]
    num_rounds = int(arguments[0]) if arguments else ROUNDS
    torch.set_num_threads(1)
    ROOM.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOM) as folder:
        rows = [stalls(Path(folder), num_rounds), durable(Path(folder), num_rounds)]
    return finish("checkpoint", rows, write="--write" in sys.argv)


def stalls(folder: Path, num_rounds: int) -> Row:
    """The slowest step of each loop beyond its median one, in turns; the first round warms up."""
    ours, theirs = [], []
    for number in range(num_rounds + 1):
        found = [stall(ours_trained(folder / "ours")), stall(textbook_trained(folder / "textbook"))]
        if number:
            ours.append(found[0])
            theirs.append(found[1])
    ratio = median(his / mine for mine, his in zip(ours, theirs, strict=True))
    return Row(
        what="worst stall of a step by a checkpoint of 105 MB",
        ours=1000 * median(ours),
        unit="ms",
        peers={"torch.save, synchronous": 1000 * median(theirs)},
        ratio={"torch.save, synchronous": ratio},
        asked="<= 1/5 of torch.save, synchronous",
        kept=ratio >= 5,
    )


def stall(moments: list[float]) -> float:
    """Seconds that the slowest step took longer than the median one, of the moments at which steps were done."""
    steps = np.diff(moments)
    return float(steps.max() - np.median(steps))


class Clock(Callback):
    """Notes when each step was done."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    def on_step(self, _progress: Progress) -> None:
        """Note it."""
        self.moments.append(time.perf_counter())


def ours_trained(folder: Path) -> list[float]:
    """Train by `train`, all of it on; the moments at which steps were done."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, size=(BATCH * STEPS * 2, 28, 28, 1), dtype=np.uint8)
    source = Images(pixels, np.arange(len(pixels)) % 10, [str(digit) for digit in range(10)])
    document: dict[str, Any] = {
        "data": {"dataset": "noise", "split": {"type": "random", "train": 0.98, "validation": 0.01, "test": 0.01}},
        "network": {"type": "mlp", "hidden": WIDTHS[1:-1], "norm": "none", "dropout": 0.0},
        "optimizer": {"type": "adam"},
        "augmentation": [],
        "training": {"epochs": 1, "batch_size": BATCH, "max_steps": STEPS},
        "checkpoints": {"every": f"{EVERY} steps"},
        "tracking": {"histograms": False},
        "evaluation": {"baselines": False},
    }
    clock = Clock()
    train(resolve(parse(document), profile(source)), source, directory=folder, device="cpu", callbacks=[clock])
    shutil.rmtree(folder)
    return clock.moments


def textbook_trained(folder: Path) -> list[float]:
    """Train as a course does, with a checkpoint that is durable before the next step."""
    folder.mkdir(exist_ok=True)
    network = made()
    optimizer = torch.optim.Adam(network.parameters())
    inputs, targets = torch.randn(BATCH * STEPS, WIDTHS[0]), torch.arange(BATCH * STEPS) % WIDTHS[-1]
    moments: list[float] = []
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs[rows]), targets[rows]).backward()
        optimizer.step()
        moments.append(time.perf_counter())
        if (step + 1) % EVERY == 0:
            saved_by_torch(folder / "checkpoint.pt", network, optimizer)
    return moments


def durable(folder: Path, num_rounds: int) -> Row:
    """Seconds until the same tensors are durable, in turns."""
    network = made()
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.randn(BATCH, WIDTHS[0])).sum().backward()
    optimizer.step()
    weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    moments = {
        f"{number}.{name}": tensor
        for number, state in optimizer.state_dict()["state"].items()
        for name, tensor in state.items()
    }
    snapshot = Snapshot(1, 0, weights, moments, {"is_complete": True, "scores": {}})
    raw = b"".join(tensor.numpy().tobytes() for tensor in [*weights.values(), *moments.values()])
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: save(folder, snapshot, kinds=frozenset({"latest"}), metrics={}, facts={}),
        "torch.save, synchronous": lambda: saved_by_torch(folder / "checkpoint.pt", network, optimizer),
        "raw": lambda: saved_raw(folder / "raw", raw),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(num_rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if number:
                seconds[name].append(time.perf_counter() - began)
    share = median(mine / disk for mine, disk in zip(seconds["ours"], seconds["raw"], strict=True))
    theirs = "torch.save, synchronous"
    ratio = median(his / mine for mine, his in zip(seconds["ours"], seconds[theirs], strict=True))
    return Row(
        what=f"{len(raw) / 1e6:.0f} MB until durable",
        ours=1000 * median(seconds["ours"]),
        unit="ms",
        peers={theirs: 1000 * median(seconds[theirs])},
        limit=1000 * median(seconds["raw"]),
        ratio={theirs: ratio, "limit": 1 / share},
        asked="<= 1.3 x the same bytes written and synced",
        kept=share <= 1.3,
    )


def made() -> nn.Sequential:
    """The network."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(WIDTHS):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def saved_by_torch(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write, sync, rename, sync the folder."""
    aside = path.with_suffix(".new")
    with aside.open("wb") as file:
        torch.save({"network": network.state_dict(), "optimizer": optimizer.state_dict()}, file)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    synced(path.parent)


def saved_raw(path: Path, content: bytes) -> None:
    """Write bytes into a new file and sync it."""
    path.unlink(missing_ok=True)
    with path.open("xb", buffering=0) as file:
        file.write(content)
        os.fsync(file.fileno())


def synced(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
