"""The job's log, as a person would tell the run: what begins, what is measured, what is saved."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from models.spec import JobSpec
from worker.training import Callback, Finding, Progress, SavedCheckpoint, Series

#: A run of many short epochs is not told epoch by epoch.
SECONDS_BETWEEN_SCORES: Final = 1.0

_log = logging.getLogger("trainyard.trainer")
_FACTS: Final = ("parameters", "steps", "rows", "device", "num_threads")
_PHASES: Final = {
    "preparing_data": "preparing the data",
    "training": "training",
    "evaluating": "scoring the test rows",
    "saving": "saving the finished model",
}


class Narrator(Callback):
    """Writes lines; the trainer's output is the job's log."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._next_scores_at = 0.0

    def on_phase(self, phase: str) -> None:
        """Tell what begins."""
        _log.info("%s", _PHASES.get(phase, phase))

    def on_resolved(self, spec: JobSpec, facts: Mapping[str, Any]) -> None:
        """Tell what will be trained, on what and where."""
        known = {
            name: facts[name] for name in ("parameters", "steps", "rows", "device", "num_threads") if name in facts
        }
        told = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in known.items())
        _log.info("%s by %s with %s; %s", spec.task, spec.network.type, spec.optimizer.type, told)
        if facts.get("step"):
            _log.info("going on from step %d", facts["step"])

    def on_step(self, progress: Progress) -> None:
        """Remember where the run is."""
        self._progress = progress

    def on_metrics(self, series: Mapping[str, Series]) -> None:
        """Tell the newest validation scores, at most once a second."""
        now = time.monotonic()
        scores = {name: points for name, points in series.items() if name.startswith("validation/")}
        if not scores or now < self._next_scores_at:
            return
        self._next_scores_at = now + SECONDS_BETWEEN_SCORES
        told = {name: points for name, points in series.items() if name == "train/loss"} | scores
        values = ", ".join(f"{name} {points.values[-1]:.4g}" for name, points in told.items())
        _log.info("%s%s", self._where(), values)

    def on_checkpoint(self, checkpoint: SavedCheckpoint) -> None:
        """Tell what is durable now."""
        _log.info("saved step %d (%s)", checkpoint.step, ", ".join(sorted(checkpoint.kinds)))

    def on_warning(self, code: str, message: str) -> None:
        """Tell what a person should know."""
        _log.warning("%s (%s)", message, code)

    def on_finding(self, finding: Finding) -> None:
        """Tell what the diagnosis has found, and what may help."""
        _log.warning("step %d: %s %s (%s)", finding.step, finding.message, finding.advice, finding.rule)

    def _where(self) -> str:
        if self._progress is None:
            return ""
        return f"epoch {self._progress.epoch} of {self._progress.epochs}, step {self._progress.step}: "
