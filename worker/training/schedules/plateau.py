"""A rate that falls when a metric has stopped improving: the one schedule that has a state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from models.spec import schedule as specs
from worker.training.early_stopping import SMALLER_IS_BETTER


class Plateau:
    """Multiplies the rate by `factor` once more than `patience` epochs in a row were no better than the best."""

    def __init__(self, spec: specs.Plateau) -> None:
        self._spec = spec
        self._sign = -1.0 if spec.monitor.removeprefix("validation/") in SMALLER_IS_BETTER else 1.0
        self._scale = 1.0
        self._best: float | None = None
        self._num_bad = 0
        self._num_cooling = 0

    def __call__(self, _step: int) -> float:
        """The factor on the learning rate, the same until the next drop."""
        return self._scale

    def observe(self, scores: Mapping[str, float]) -> None:
        """Take in the scores of an epoch. What is not finite is no improvement."""
        value = scores.get(self._spec.monitor, math.nan)
        self._num_bad += 1
        if math.isfinite(value) and self._improves(value):
            self._best, self._num_bad = value, 0
        if self._num_cooling > 0:
            self._num_cooling -= 1
            self._num_bad = 0
        if self._num_bad > self._spec.patience:
            self._scale = max(self._scale * self._spec.factor, self._spec.minimum)
            self._num_bad, self._num_cooling = 0, self._spec.cooldown

    def _improves(self, value: float) -> bool:
        return self._best is None or self._sign * (value - self._best) > self._spec.min_delta

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "scale": self._scale,
            "best": self._best,
            "num_bad": self._num_bad,
            "num_cooling": self._num_cooling,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._scale, self._best = state["scale"], state["best"]
        self._num_bad, self._num_cooling = state["num_bad"], state["num_cooling"]
