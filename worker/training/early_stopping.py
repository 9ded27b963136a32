"""Which epoch was the best, and whether it is time to stop."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

from models.spec.early_stopping import EarlyStopping

#: Metrics that are better when smaller; every other one is better when larger.
SMALLER_IS_BETTER = frozenset({"loss", "rmse", "mae", "mape", "smape", "log_loss", "calibration_error"})


@dataclass(slots=True)
class Best:
    """The best epoch so far. `value` is None before the first finite one."""

    value: float | None = None
    epoch: int = 0
    step: int = 0


class Monitor:
    """Watches one validation metric: keeps the best, and counts epochs without improvement.

    Without early stopping the validation loss is watched, and never ends the run.
    """

    def __init__(self, spec: EarlyStopping | None) -> None:
        self.metric = (spec or EarlyStopping()).monitor
        self.best = Best()
        self.epochs_without_improvement = 0
        self._patience = spec.patience if spec else None
        self._min_delta = spec.min_delta if spec else 0.0
        self._sign = -1.0 if self.metric.removeprefix("validation/") in SMALLER_IS_BETTER else 1.0

    @property
    def is_exhausted(self) -> bool:
        """Whether the patience is used up."""
        return self._patience is not None and self.epochs_without_improvement >= self._patience

    def observe(self, scores: dict[str, float], *, epoch: int, step: int) -> bool:
        """Take in the scores of an epoch; says whether it is the best so far. What is not finite is no improvement."""
        value = scores.get(self.metric, math.nan)
        if not math.isfinite(value) or not self._improves(value):
            self.epochs_without_improvement += 1
            return False
        self.best = Best(value, epoch, step)
        self.epochs_without_improvement = 0
        return True

    def _improves(self, value: float) -> bool:
        return self.best.value is None or self._sign * (value - self.best.value) > self._min_delta

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best": asdict(self.best), "epochs_without_improvement": self.epochs_without_improvement}

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a checkpoint."""
        self.best = Best(**state["best"])
        self.epochs_without_improvement = state["epochs_without_improvement"]
        return self
