"""What each tracker needs: a run that is found again, points in, an ending. The classes run in the child process alone.

Adding one is a section in `models/spec/tracking.py`, a class, an entry in `SINKS`, an address in `models/destinations`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from models.metric_blobs import Points


class Sink(Protocol):
    """A run at a tracker. Every method may raise whatever the tracker's library raises."""

    def open(self, run: Mapping[str, Any]) -> int:
        """Find the job's run or begin one; answers the last step of which it has every point, -1 for none."""

    def log(self, series: Mapping[str, Points]) -> None:
        """Add every point of some steps, which lie behind all steps before."""

    def close(self, *, ending: str, test: Mapping[str, float], step: int) -> None:
        """Add the test scores of the last step, and end the run: `succeeded`, `failed` or `cancelled` as the job did,
        or `interrupted`, because another attempt goes on with it.
        """


def _wandb() -> Sink:
    from worker.tracking.wandb import WandbRun

    return WandbRun()


def _mlflow() -> Sink:
    from worker.tracking.mlflow import MlflowRun

    return MlflowRun()


SINKS: Final[Mapping[str, Callable[[], Sink]]] = MappingProxyType({"wandb": _wandb, "mlflow": _mlflow})
TITLES: Final[Mapping[str, str]] = MappingProxyType({"wandb": "Weights & Biases", "mlflow": "MLflow"})
