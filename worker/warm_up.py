"""Everything that a first run does once per process, done before anybody waits for it.

First what every job needs, so that jobs can start; then, while nobody asks for a trainer, what some need and is slow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import torch

from models import formats, spec
from models.samples import sample
from worker.training import Callback, Order, Progress, train

#: A small run from a table to a saved network: readers, an optimizer that has stepped, scores, checkpoints.
_FIRST: Final[dict[str, Any]] = {
    "data": {"dataset": "iris"},
    "training": {"epochs": 2},
    "evaluation": {"baselines": False},
}
#: Runs that touch what other jobs touch besides: simple predictors, images.
_LATER: Final[tuple[dict[str, Any], ...]] = (
    {"data": {"dataset": "iris"}, "training": {"epochs": 1}},
    {"data": {"dataset": "digits"}, "network": "mlp", "training": {"epochs": 1, "max_steps": 2}},
)


def warm_up() -> list[Callable[[], object]]:
    """Import every reader and run a small job, with one thread and without touching CUDA; answers what is left to do.

    That is in pieces of at most a second: the trees beside every table, then the other runs.
    """
    torch.set_num_threads(1)
    for entry in formats.FORMATS.values():
        import_module(entry.reader.partition(":")[0])
    _run(_FIRST, device="cpu", callback=Callback())
    runs = [partial(_run, job, device="cpu", callback=Callback()) for job in _LATER]
    return [partial(import_module, "sklearn.utils"), partial(import_module, "sklearn.ensemble"), *runs]


def rehearse() -> None:
    """Train an epoch of a small job in a spare, on the device that its job will find, and score it.

    A fresh fork shares its memory with the template until it is written to, and CUDA starts with the first kernel: the
    job that comes would pay for both. On a CPU it computed 35 ms to its first step, and 14 ms after a rehearsal.
    """
    _run(_FIRST, device="auto", callback=_OneEpoch())


class _OneEpoch(Callback):
    """Ends a run in its second epoch; nothing is saved."""

    def __init__(self) -> None:
        self._has_seen_enough = False

    def on_step(self, progress: Progress) -> None:
        """Every step before was scored."""
        self._has_seen_enough = progress.epoch > 1

    def order(self) -> Order | None:
        """None in the first epoch, then to end."""
        return Order.CANCEL if self._has_seen_enough else None


def _run(job: dict[str, Any], *, device: str, callback: Callback) -> None:
    shipped = sample(job["data"]["dataset"])
    source = formats.read(shipped.path, format=shipped.format, options=shipped.options)
    resolved = spec.resolve(spec.parse(job), shipped.profile)
    with tempfile.TemporaryDirectory(prefix="trainyard-warm-up-") as folder:
        train(resolved, source, directory=Path(folder), device=device, callbacks=[callback])
