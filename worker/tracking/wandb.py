"""Weights & Biases: a run whose id is the job's, with the optimizer step as its axis.

Online the server says how far the run is. Offline there is nobody to ask: the run folder is written anew from the first
step on, so that there is always one, and it is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import wandb

from models.metric_blobs import Points

_EXIT_CODES: Final = {"succeeded": 0, "failed": 1, "cancelled": 1, "interrupted": 1}
_INIT_SECONDS: Final = 45
_STEP: Final = "step"


class WandbRun:
    """The run of a job. Every row has all that was measured at a step, so the last row says where the run stands."""

    _run: Any

    def open(self, run: Mapping[str, Any]) -> int:
        """See `Sink.open`."""
        settings, folder = run["settings"], Path(run["folder"])
        is_offline = settings["mode"] == "offline"
        if is_offline:
            shutil.rmtree(folder / "wandb", ignore_errors=True)
        self._run = wandb.init(
            project=settings["project"],
            entity=settings["entity"],
            id=run["job_id"],
            name=run["name"] or run["job_id"],
            resume=None if is_offline else "allow",
            config={**run["params"], **{f"labels.{name}": value for name, value in run["labels"].items()}},
            settings=_settings(run, folder=folder),
        )
        self._run.define_metric(_STEP, hidden=True)
        self._run.define_metric("*", step_metric=_STEP)
        return -1 if is_offline else int(self._run.summary.get(_STEP, -1))

    def log(self, series: Mapping[str, Points]) -> None:
        """See `Sink.log`."""
        rows: dict[int, dict[str, float]] = {}
        for name, points in series.items():
            for step, time, value in zip(*(column.tolist() for column in _columns(points)), strict=True):
                rows.setdefault(step, {_STEP: step, "_timestamp": time})[name] = value
        for step in sorted(rows):
            self._run.log(rows[step])

    def close(self, *, ending: str, test: Mapping[str, float], step: int) -> None:  # noqa: ARG002  a summary has none
        """See `Sink.close`."""
        self._run.summary.update(dict(test))
        if ending == "interrupted":
            self._run.mark_preempting()
        self._run.finish(exit_code=_EXIT_CODES[ending])


def _settings(run: Mapping[str, Any], *, folder: Path) -> wandb.Settings:
    """Send what the job measured and nothing about this machine: no code, output, packages or load."""
    return wandb.Settings(
        mode=run["settings"]["mode"],
        base_url=run["settings"]["base_url"],
        root_dir=str(folder),
        init_timeout=_INIT_SECONDS,
        console="off",
        silent=True,
        save_code=False,
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
    )


def _columns(points: Points) -> tuple[Any, Any, Any]:
    return points.steps, points.times, points.values
