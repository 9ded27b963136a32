"""How well Trainyard trains by its defaults, on public data: every figure of docs/results.md.

    ./run bench results --data FOLDER [ROW ...] [--seeds 3] [--write]

FOLDER holds the public files that `_materials.SOURCES` names; rows on shipped samples need none. Every number is a test
score that a job of a running service reported. `--write` keeps the rows measured in docs/results.json and writes
docs/results.md anew from it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from _materials import Material, Materials, num_rows
from _results_page import page
from _yard import ROOT, Yard, machine, running

from models.samples import sample
from trainyard import Client

STORE = ROOT / "docs/results.json"
PAGE = ROOT / "docs/results.md"
BY_PART = {"type": "column", "column": "part"}

Job = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """One job: what to upload, and its spec without the dataset."""

    material: Material
    spec: dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A test score to reach: `bound` is a least value, a largest one where smaller is better, or a rival's name.

    None: it is only told.
    """

    metric: str
    bound: float | str | None
    smaller: bool = False

    def found(self, jobs: Sequence[Job]) -> float:
        """The mean over the jobs."""
        return mean(job["result"]["test"][self.metric] for job in jobs)

    def to_reach(self, jobs: Sequence[Job]) -> float | None:
        """The bound as a number: a rival's mean score on the same rows where it names one."""
        if not isinstance(self.bound, str):
            return self.bound
        return mean(_baselines(job)[self.bound][self.metric] for job in jobs)

    def is_met(self, jobs: Sequence[Job]) -> bool:
        """Whether the mean reaches the bound."""
        found, bound = self.found(jobs), self.to_reach(jobs)
        if bound is None:
            return True
        return found <= bound if self.smaller else found >= bound


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    data: str
    asks: str
    trials: Callable[[Materials, int], Iterator[Trial]]
    targets: tuple[Target, ...]
    max_seconds: float | None = None


def _folds(name: str, spec: Mapping[str, Any]) -> Callable[[Materials, int], Iterator[Trial]]:
    def trials(materials: Materials, _num_seeds: int) -> Iterator[Trial]:
        for number, material in enumerate(materials.folds(name)):
            split = {} if material.format == "npz" else {"split": BY_PART, "target": _target(name)}
            yield Trial(material, {**spec, "data": split, "seed": number})

    return trials


def _target(name: str) -> str:
    return {"iris": "species", "wine": "cultivar", "breast_cancer": "diagnosis"}[name]


def _seeds(
    material: Callable[[Materials], Material], spec: Callable[[Material], dict[str, Any]]
) -> Callable[[Materials, int], Iterator[Trial]]:
    def trials(materials: Materials, num_seeds: int) -> Iterator[Trial]:
        chosen = material(materials)
        for seed in range(num_seeds):
            yield Trial(chosen, {**spec(chosen), "seed": seed})

    return trials


def _adult(**sections: Any) -> Callable[[Materials, int], Iterator[Trial]]:
    data = {"target": "income", "split": BY_PART}
    cleaning = {"missing_values": ["?"], "text": {"strip": " ."}}  # the official test file ends labels in a period
    return _seeds(Materials.adult, lambda _: {"data": data, "cleaning": cleaning, **sections})


def _mnist(network: Any) -> Callable[[Materials, int], Iterator[Trial]]:
    return _seeds(Materials.mnist, lambda _: {"data": {}, "network": network})


def _series(name: str, target: str, num_test: int, **sections: Any) -> Callable[[Materials, int], Iterator[Trial]]:
    def spec(material: Material) -> dict[str, Any]:
        share = num_test / num_rows(material.path)
        split = {"type": "time", "train": 0.85 - share, "validation": 0.15, "test": share}
        return {
            "task": "forecasting",
            "data": {"target": target, "split": split, "ignore": ["No"][: name[0] == "p"]},
            **sections,
        }

    return _seeds(lambda materials: Material(materials.file(name), "csv"), spec)


def _airline() -> Callable[[Materials, int], Iterator[Trial]]:
    material = Material(sample("airline_passengers").path, "csv")
    return _seeds(
        lambda _: material, lambda _: {"task": "forecasting", "data": {"target": "passengers", "ignore": ["month"]}}
    )


ROWS: Mapping[str, Row] = {
    "iris": Row("iris", "5-fold mean, default", _folds("iris", {}), (Target("accuracy", 0.94),)),
    "wine": Row("wine", "5-fold mean, default", _folds("wine", {}), (Target("accuracy", 0.97),)),
    "breast_cancer": Row(
        "breast cancer", "5-fold mean, default", _folds("breast_cancer", {}), (Target("accuracy", 0.965),)
    ),
    "digits_mlp": Row(
        "digits", "5-fold mean, `mlp`", _folds("digits", {"network": "mlp"}), (Target("accuracy", 0.97),)
    ),
    "digits_cnn": Row(
        "digits", "5-fold mean, `cnn`", _folds("digits", {"network": "cnn"}), (Target("accuracy", 0.985),)
    ),
    "adult_auto": Row(
        "Adult, official split",
        "default",
        _adult(),
        (Target("accuracy", 0.868), Target("auroc", 0.920)),
        max_seconds=600,
    ),
    "adult_mlp": Row(
        "Adult, official split", "`mlp`", _adult(network="mlp"), (Target("accuracy", 0.855),), max_seconds=60
    ),
    "adult_iqr": Row(
        "Adult, official split",
        "`mlp`, IQR outliers with `drop_row` and without a limit",
        _adult(
            network="mlp",
            preprocessing={"number": {"outliers": {"type": "iqr", "action": "drop_row", "max_affected": 1.0}}},
        ),
        (Target("accuracy", None), Target("auroc", None)),
    ),
    "mnist_mlp": Row("MNIST, official split", "`mlp`", _mnist("mlp"), (Target("accuracy", 0.983),)),
    "mnist_auto": Row("MNIST, official split", "default", _mnist("auto"), (Target("accuracy", 0.994),)),
    "temperatures": Row(
        "daily minimum temperatures, last 365 days, one step ahead",
        "default",
        _series("daily-min-temperatures.csv", "Temp", 365),
        (Target("rmse", 2.30, smaller=True), Target("rmse", "linear_autoregression", smaller=True)),
    ),
    "airline": Row(
        "airline passengers, one step ahead", "default", _airline(), (Target("rmse", "seasonal_naive", smaller=True),)
    ),
    "pollution": Row(
        "Beijing pollution, last year, one hour ahead",
        "default",
        _series("pollution.csv", "pm2.5", 8760),
        (Target("rmse", "last_value", smaller=True), Target("rmse", "linear_autoregression", smaller=True)),
    ),
    "reviews": Row(
        "film reviews",
        "default",
        _seeds(lambda materials: Material(materials.file("review_polarity.tar.gz"), "texts"), lambda _: {"data": {}}),
        (Target("accuracy", 0.82),),
    ),
}


def _baselines(job: Job) -> dict[str, dict[str, float]]:
    return {baseline["name"]: baseline["test"] for baseline in job["result"]["baselines"]}


def measure(row: Row, yard: Yard, materials: Materials, *, num_seeds: int) -> dict[str, Any]:
    """Run the jobs of a row one after the other and say what they scored."""
    jobs: list[Job] = []
    with Client(yard.url, yard.key) as client:
        uploaded: dict[Path, str] = {}
        for trial in row.trials(materials, num_seeds):
            path = trial.material.path
            if path not in uploaded:
                dataset = client.datasets.upload(path, format=trial.material.format, options=trial.material.options)
                uploaded[path] = dataset.id
            spec = {**trial.spec, "data": {**trial.spec["data"], "dataset": uploaded[path]}}
            jobs.append(yard.finished(yard.submit(spec)[0]))
            if jobs[-1]["status"] != "succeeded":
                raise SystemExit(f"{jobs[-1]['id']} {jobs[-1]['status']}: {jobs[-1]['reason']}")
    seconds = [sum(job["result"]["phase_seconds"].values()) for job in jobs]
    in_time = row.max_seconds is None or max(seconds) <= row.max_seconds
    return {
        "data": row.data,
        "asks": row.asks,
        "network": jobs[0]["resolved_spec"]["network"]["type"],
        "targets": [_score(target, jobs) for target in row.targets],
        "num_jobs": len(jobs),
        "seconds": round(mean(seconds), 1),
        "max_seconds": row.max_seconds,
        "is_met": in_time and all(target.is_met(jobs) for target in row.targets),
        "rows_dropped": jobs[0]["result"]["data_report"]["rows_dropped_by_class"],
        "baselines": _rivals(jobs, row.targets[0].metric),
        "measured": machine(),
    }


def _score(target: Target, jobs: Sequence[Job]) -> dict[str, Any]:
    values = [job["result"]["test"][target.metric] for job in jobs]
    return {
        "metric": target.metric,
        "found": round(target.found(jobs), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
        "bound": None if (bound := target.to_reach(jobs)) is None else round(bound, 4),
        "rival": target.bound if isinstance(target.bound, str) else None,
        "smaller": target.smaller,
        "is_met": target.is_met(jobs),
    }


def _rivals(jobs: Sequence[Job], metric: str) -> dict[str, float]:
    found = [_baselines(job) for job in jobs]
    return {name: round(mean(one[name][metric] for one in found), 4) for name in found[0] if metric in found[0][name]}


def main() -> int:
    """Measure the rows asked for, print each, keep them where asked to."""
    parser = argparse.ArgumentParser(prog="./run bench results")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(ROWS):
        parser.error(f"there is no row called {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    store = json.loads(STORE.read_text()) if STORE.exists() else {}
    with tempfile.TemporaryDirectory() as folder, running() as yard:
        materials = Materials(asked.data, Path(folder))
        for name in asked.rows or ROWS:
            store[name] = measure(ROWS[name], yard, materials, num_seeds=asked.seeds)
            print(name, json.dumps(store[name], indent=1))
            if asked.write:
                kept = {known: store[known] for known in ROWS if known in store}
                STORE.write_text(json.dumps(kept, indent=1) + "\n")
                PAGE.write_text(page(kept))
    return 0 if all(store[name]["is_met"] for name in asked.rows or ROWS) else 1


if __name__ == "__main__":
    sys.exit(main())
