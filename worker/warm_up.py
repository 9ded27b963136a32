"""Everything that a first run does once per process, done before anybody waits for it."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import torch

from models import formats, spec
from models.samples import sample
from worker.training import train

#: Small runs that together touch what most jobs touch: tables and images, and an optimizer that has stepped.
_JOBS: Final[tuple[dict[str, Any], ...]] = (
    {"data": {"dataset": "iris"}, "training": {"epochs": 1}},
    {"data": {"dataset": "digits"}, "network": "mlp", "training": {"epochs": 1, "max_steps": 2}},
)


def warm_up() -> None:
    """Import every reader and run the small jobs, with one thread and without touching CUDA."""
    torch.set_num_threads(1)
    for entry in formats.FORMATS.values():
        import_module(entry.reader.partition(":")[0])
    for job in _JOBS:
        _run(job)


def _run(job: dict[str, Any]) -> None:
    shipped = sample(job["data"]["dataset"])
    source = formats.read(shipped.path, format=shipped.format, options=shipped.options)
    resolved = spec.resolve(spec.parse(job), shipped.profile)
    with tempfile.TemporaryDirectory(prefix="trainyard-warm-up-") as folder:
        train(resolved, source, directory=Path(folder), device="cpu")
