"""Small data, specs and callbacks that the tests of training share."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from models.formats.sources import Images, Source, Table, Texts
from models.formats.summaries import profile
from models.spec import JobSpec, parse, resolve
from worker.training import Callback, Order, train
from worker.training.data import prepare
from worker.training.session import Session, open_session

CPU = torch.device("cpu")


def flowers(*, rows: int = 120, seed: int = 0) -> Table:
    """Three classes that four numbers and a colour tell apart, with a few values missing."""
    random = np.random.default_rng(seed)
    kinds = np.arange(rows) % 3
    numbers = random.normal(size=(rows, 4)) + kinds[:, None] * [2.0, -1.0, 0.5, 0.0]
    columns = {
        f"x{place}": [None if value > 5.5 else float(value) for value in numbers[:, place]] for place in range(4)
    }
    colours = np.array(["red", "green", "blue"])[(kinds + (random.random(rows) < 0.2)) % 3]
    columns["colour"] = pa.array(colours.tolist()).dictionary_encode()
    columns["kind"] = pa.array(np.array(["a", "b", "c"])[kinds].tolist()).dictionary_encode()
    return Table(pa.table(columns))


def prices(*, rows: int = 160, seed: int = 0) -> Table:
    """A number that is linear in two others, plus noise."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, 2))
    price = 300 + 50 * inputs[:, 0] - 20 * inputs[:, 1] + random.normal(size=rows)
    return Table(pa.table({"size": inputs[:, 0], "age": inputs[:, 1], "price": price}))


def stripes(*, rows: int = 90, side: int = 8, seed: int = 0) -> Images:
    """Grey images with a bright row at the top, a bright column at the left, or neither."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    pixels = random.integers(0, 120, size=(rows, side, side, 1), dtype=np.uint8)
    pixels[labels == 0, :2] += 120
    pixels[labels == 1, :, :2] += 120
    return Images(pixels, labels.astype(np.int64), ["top", "left", "plain"])


def waves(*, rows: int = 160, seed: int = 0) -> Table:
    """A season of twelve rows on a slow rise, plus noise."""
    random = np.random.default_rng(seed)
    time = np.arange(rows)
    value = 10 * np.sin(2 * np.pi * time / 12) + 0.02 * time + random.normal(size=rows) * 0.3
    return Table(pa.table({"value": value}))


def letters(*, rows: int = 120, seed: int = 0) -> Texts:
    """Short texts of common words; two words of each class tell the classes apart, one time in five the wrong ones."""
    random = np.random.default_rng(seed)
    words = np.array([f"word{place}" for place in range(20)])
    told = np.array([["sun", "rain"], ["goal", "match"], ["oven", "salt"]])
    labels = np.arange(rows) % 3
    said = (labels + (random.random(rows) < 0.2)) % 3
    texts = [" ".join([*random.choice(words, 8), *random.permutation(told[kind])]) for kind in said]
    return Texts(texts, labels.astype(np.int64), ["weather", "sport", "kitchen"])


TARGETS = {"flowers": "kind", "prices": "price", "waves": "value"}
SOURCES = {"flowers": flowers, "prices": prices, "stripes": stripes, "waves": waves, "letters": letters}


def spec_for(name: str, source: Source, /, **sections) -> JobSpec:
    """A resolved spec for one of the sources."""
    data = {"dataset": name, **sections.pop("data", {})}
    if name in TARGETS:
        data.setdefault("target", TARGETS[name])
    if name == "waves":
        sections.setdefault("task", "forecasting")
    sections.setdefault("training", {"epochs": 4, "batch_size": 16})
    return resolve(parse({"data": data, **sections}), profile(source))


def session_for(name: str, /, **sections) -> Session:
    """A session on one of the sources, at its first step."""
    source = SOURCES[name]()
    spec = spec_for(name, source, **sections)
    return open_session(spec, prepare(spec, source, device=CPU), device=CPU)


def train_on(name: str, directory: Path, /, *, callbacks=(), resume=None, **sections):
    """Train on one of the sources; the result."""
    source = SOURCES[name]()
    spec = spec_for(name, source, **sections)
    return train(spec, source, directory=directory, device="cpu", callbacks=callbacks, resume=resume, num_threads=1)


class Recording(Callback):
    """Keeps everything it is told; gives `order` once step `at` is done."""

    def __init__(self, *, order: Order | None = None, at: int = 0) -> None:
        self.phases: list[str] = []
        self.progress = []
        self.metrics = {}
        self.checkpoints = []
        self.histograms = []
        self.warnings = []
        self.findings = []
        self.rewound = []
        self.resolved = None
        self.facts = None
        self.log = []
        self._order, self._at = order, at

    def on_phase(self, phase):
        self.phases.append(phase)

    def on_resolved(self, spec, facts):
        self.resolved, self.facts = spec, facts

    def on_step(self, progress):
        self.progress.append(progress)

    def on_metrics(self, series):
        self.log.append(("metrics", max(points.steps[-1] for points in series.values())))
        for name, points in series.items():
            self.metrics.setdefault(name, []).extend(zip(points.steps.tolist(), points.values.tolist(), strict=True))

    def on_histograms(self, histograms):
        self.histograms.append(histograms)

    def on_checkpoint(self, checkpoint):
        self.log.append(("checkpoint", checkpoint.step))
        self.checkpoints.append(checkpoint)

    def on_rewound(self, step):
        self.rewound.append(step)

    def on_finding(self, finding):
        self.findings.append(finding)

    def on_warning(self, code, message):
        self.warnings.append((code, message))

    def order(self):
        steps = self.progress[-1].step if self.progress else 0
        return self._order if self._order is not None and steps >= self._at else None
