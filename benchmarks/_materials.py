"""The datasets of `results.py`: public files as they are found, and shipped samples cut into folds."""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from models.formats import read
from models.formats.sources import Images, Table
from models.samples import sample

NUM_FOLDS = 5
ADULT_COLUMNS = (
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship",
    "race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income",
)  # fmt: skip
MNIST_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
#: Where each public file comes from; `./run bench results --data FOLDER` looks for them under these names.
SOURCES: Mapping[str, str] = {
    "adult-train.csv": "https://archive.ics.uci.edu/dataset/2/adult (adult.data)",
    "adult-test.csv": "https://archive.ics.uci.edu/dataset/2/adult (adult.test without its first line)",
    "mnist/": "https://yann.lecun.com/exdb/mnist (the four .gz files)",
    "daily-min-temperatures.csv": "https://github.com/jbrownlee/Datasets",
    "pollution.csv": "https://archive.ics.uci.edu/dataset/381/beijing+pm2+5+data",
    "review_polarity.tar.gz": "https://www.cs.cornell.edu/people/pabo/movie-review-data",
}


@dataclass(frozen=True)
class Material:
    """A file to upload, and how it is to be read."""

    path: Path
    format: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Materials:
    """Where public files lie, and where files made from them go."""

    public: Path
    made: Path

    def file(self, name: str) -> Path:
        """A public file; raises SystemExit saying where to get it."""
        path = self.public / name
        if not path.exists():
            raise SystemExit(f"{path} is missing; it comes from {SOURCES.get(name, SOURCES.get(name[:6], name))}")
        return path

    def folds(self, name: str) -> list[Material]:
        """A sample cut five times, stratified: each fold once as test, in a column or as an official part."""
        source = _source(name)
        labels = source.labels if isinstance(source, Images) else _codes(source, name)
        fold = _stratified_folds(labels)
        if isinstance(source, Images):
            return [self._image_fold(name, source, fold == number, number) for number in range(NUM_FOLDS)]
        return [self._table_fold(name, source, fold == number, number) for number in range(NUM_FOLDS)]

    def adult(self) -> Material:
        """Both official files in one, every cell as it stands in them, and a column that says which row came whence."""
        path = self.made / "adult.csv"
        if not path.exists():
            with path.open("w") as out:
                for part in ("train", "test"):
                    for line in self.file(f"adult-{part}.csv").read_text().splitlines():
                        if line.strip():
                            out.write(f"{line}, {part}\n")
        return Material(path, "csv", {"header": False, "columns": [*ADULT_COLUMNS, "part"]})

    def mnist(self) -> Material:
        """The four files in one archive."""
        path = self.made / "mnist.tar"
        if not path.exists():
            with tarfile.open(path, "w") as archive:
                for name in MNIST_FILES:
                    archive.add(self.file(f"mnist/{name}-ubyte.gz"), f"{name}-ubyte.gz")
        return Material(path, "idx")

    def _table_fold(self, name: str, source: Table, test: np.ndarray, number: int) -> Material:
        path = self.made / f"{name}-{number}.csv"
        part = pa.array(np.where(test, "test", "train"))
        pa_csv.write_csv(source.columns.append_column("part", part), path)
        return Material(path, "csv")

    def _image_fold(self, name: str, source: Images, test: np.ndarray, number: int) -> Material:
        path = self.made / f"{name}-{number}.npz"
        pixels = np.asarray(source.pixels)[..., 0]
        np.savez(
            path,
            x_train=pixels[~test],
            y_train=source.labels[~test],
            x_test=pixels[test],
            y_test=source.labels[test],
        )
        return Material(path, "npz")


def _source(name: str) -> Table | Images:
    chosen = sample(name)
    return read(chosen.path, format=chosen.format, options=chosen.options)


def _codes(source: Table, name: str) -> np.ndarray:
    words = np.array(source.columns[sample(name).target].to_pylist(), dtype=str)
    return np.unique(words, return_inverse=True)[1]


def _stratified_folds(labels: np.ndarray) -> np.ndarray:
    """A fold number for every row: the rows of each class, shuffled once, dealt round."""
    order = np.random.default_rng(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), np.int64)
    fold[order] = np.arange(len(labels)) % NUM_FOLDS
    return fold


def num_rows(path: Path) -> int:
    """Rows of a CSV file with a header."""
    with path.open(newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1
