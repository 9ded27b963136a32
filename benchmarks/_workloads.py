"""Four small trainings that every loop of `loop.py` does alike: the data, the network, and our spec of both.

tab   MLP 30-64-32-2 on 10,000 rows, 64 a batch: calling functions is most of the work
mlp   MLP 784-256-128-10 on 60,000 images of 28 x 28, 128 a batch
cnn   two convolutions with pooling and a head of 128 on such images, 128 a batch
lstm  an LSTM of 128 over windows of 64 steps of 32 series, 64 a batch

All are trained by Adam at 1e-3 without decay, schedule or clipping, as in a first course.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

WINDOW, SERIES = 64, 32
PARTS = {"train": 0.9, "validation": 0.05, "test": 0.05}
RATE = 1e-3
Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A training: `arrays` are raw inputs and targets, `tensors` what a textbook makes of them before it trains.

    `sections` are those of our spec.
    """

    name: str
    batch_size: int
    is_classifier: bool
    arrays: Callable[[], Arrays]
    tensors: Callable[[np.ndarray, np.ndarray], tuple[Tensor, Tensor]]
    network: Callable[[], nn.Module]
    num_rows: int
    sections: Mapping[str, Any] = field(default_factory=dict)

    def loss(self) -> nn.Module:
        """What it makes small."""
        return nn.CrossEntropyLoss() if self.is_classifier else nn.MSELoss()

    def spec(self, dataset: str, *, epochs: int) -> dict[str, Any]:
        """Our job of it. Checks, metrics, histograms, checkpoints and heartbeats are on, as they are by default."""
        return {
            **self.sections,
            "data": {**self.sections.get("data", {}), "dataset": dataset},
            "optimizer": {"type": "adam", "learning_rate": RATE},
            "schedule": None,
            "regularization": None,
            "early_stopping": None,
            "training": {"epochs": epochs, "batch_size": self.batch_size},
            "evaluation": {"metrics": ["accuracy" if self.is_classifier else "rmse"], "baselines": False},
        }


def _rows() -> Arrays:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(10_000, 30))
    return inputs, (inputs[:, :5].sum(1) + random.normal(size=len(inputs)) > 0).astype(np.int64)


def _images(number: int) -> Callable[[], Arrays]:
    def made() -> Arrays:
        random = np.random.default_rng(0)
        labels = np.arange(number) % 10
        pixels = random.integers(0, 200, size=(number, 28, 28), dtype=np.uint8)
        pixels[np.arange(number), 2 * labels + 4] += 50
        return pixels, labels.astype(np.int64)

    return made


def _series() -> Arrays:
    random = np.random.default_rng(0)
    time = np.arange(4096 + WINDOW)
    waves = np.sin(time[:, None] / random.uniform(3, 30, size=SERIES)) + random.normal(size=(len(time), SERIES)) / 5
    windows = np.lib.stride_tricks.sliding_window_view(waves, WINDOW, axis=0)[:-1].transpose(0, 2, 1)
    return windows, waves[WINDOW:, 0]


def _plain(inputs: np.ndarray, targets: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.tensor(inputs, dtype=torch.float32), torch.tensor(targets)


def _flat(inputs: np.ndarray, targets: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.tensor(inputs).reshape(len(inputs), -1).float().div_(255).sub_(0.4).div_(0.25), torch.tensor(targets)


def _framed(inputs: np.ndarray, targets: np.ndarray) -> tuple[Tensor, Tensor]:
    flat, targets_too = _flat(inputs, targets)
    return flat.reshape(len(inputs), 1, 28, 28), targets_too


def _windows(inputs: np.ndarray, targets: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.tensor(inputs, dtype=torch.float32), torch.tensor(targets, dtype=torch.float32)[:, None]


def _mlp(*widths: int) -> Callable[[], nn.Module]:
    def made() -> nn.Module:
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return made


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


class Lstm(nn.Module):
    """An LSTM whose last state feeds a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(SERIES, 128, batch_first=True)
        self.head = nn.Linear(128, 1)

    def forward(self, windows: Tensor) -> Tensor:
        """[N, T, F] to [N, 1]."""
        answered: Tensor = self.head(self.layer(windows)[0][:, -1])
        return answered


IMAGES: Mapping[str, Any] = {"data": {"split": {"type": "random", **PARTS}}, "augmentation": []}
PLAIN: Mapping[str, Any] = {"norm": "none", "dropout": 0.0}
WORKLOADS: Mapping[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload(
            name="tab",
            batch_size=64,
            is_classifier=True,
            arrays=_rows,
            tensors=_plain,
            network=_mlp(30, 64, 32, 2),
            num_rows=10_000,
            sections={
                "task": "classification",
                "data": {"target": "target", "split": {"type": "random", **PARTS}},
                "network": {"type": "mlp", "hidden": [64, 32], **PLAIN},
            },
        ),
        Workload(
            name="mlp",
            batch_size=128,
            is_classifier=True,
            arrays=_images(60_000),
            tensors=_flat,
            network=_mlp(784, 256, 128, 10),
            num_rows=60_000,
            sections={**IMAGES, "network": {"type": "mlp", "hidden": [256, 128], **PLAIN}},
        ),
        Workload(
            name="cnn",
            batch_size=128,
            is_classifier=True,
            arrays=_images(5_000),
            tensors=_framed,
            network=_cnn,
            num_rows=5_000,
            sections={**IMAGES, "network": {"type": "cnn", **PLAIN}},
        ),
        Workload(
            name="lstm",
            batch_size=64,
            is_classifier=False,
            arrays=_series,
            tensors=_windows,
            network=Lstm,
            num_rows=4096,
            sections={
                "task": "forecasting",
                "data": {"target": "s0", "split": {"type": "time", **PARTS}},
                "preprocessing": {"series": {"window": WINDOW}},
                "network": {"type": "lstm", "hidden_size": 128},
            },
        ),
    )
}
