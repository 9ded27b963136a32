"""MLflow: a run that is found by its job's tag, on a server or in an SQLite database."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

#: Read by the library when it is imported: fail soon, the feeder tries again; and go where the operator allowed only.
os.environ |= {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
}

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.exceptions import MlflowException

from models.metric_blobs import Points

_JOB_TAG: Final = "trainyard.job_id"
_BATCH: Final = 1000
_PARAMS_BATCH: Final = 100
_LONGEST_VALUE: Final = 5000
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_\-. /]")
_STATUSES: Final = {
    "succeeded": "FINISHED",
    "failed": "FAILED",
    "cancelled": "KILLED",
    "interrupted": "SCHEDULED",
}


class MlflowRun:
    """The run of a job. No step of a metric is logged twice: what the run has of it is asked first."""

    _client: MlflowClient
    _run_id: str
    _last_steps: dict[str, int]

    def open(self, run: Mapping[str, Any]) -> int:
        """See `Sink.open`."""
        self._client = MlflowClient(tracking_uri=run["address"])
        found = self._find(self._experiment(run["settings"]["experiment"]), run)
        self._run_id = found.info.run_id
        self._client.update_run(self._run_id, status="RUNNING")
        self._log_params(run["params"], known=found.data.params)
        self._last_steps = {metric.key: int(metric.step) for metric in found.data.to_proto().metrics}
        # Of its last step some metrics may be missing, if the attempt before died between two batches.
        return max(self._last_steps.values(), default=0) - 1

    def log(self, series: Mapping[str, Points]) -> None:
        """See `Sink.log`."""
        metrics = sorted(self._fresh(series), key=lambda metric: metric.step)
        for batch in _batches(metrics, _BATCH):
            self._client.log_batch(self._run_id, metrics=batch)
            self._last_steps |= {metric.key: metric.step for metric in batch}

    def close(self, *, ending: str, test: Mapping[str, float], step: int) -> None:
        """See `Sink.close`."""
        now = round(1000 * time.time())
        scores = [Metric(_key(name), score, now, step) for name, score in test.items()]
        self._client.log_batch(self._run_id, metrics=[one for one in scores if one.key not in self._last_steps])
        if ending == "interrupted":
            self._client.update_run(self._run_id, status=_STATUSES[ending])
        else:
            self._client.set_terminated(self._run_id, status=_STATUSES[ending])

    def _experiment(self, name: str) -> str:
        if (found := self._client.get_experiment_by_name(name)) is not None:
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(name))
        except MlflowException:
            found = self._client.get_experiment_by_name(name)  # another job was faster
            if found is None:
                raise
            return str(found.experiment_id)

    def _find(self, experiment_id: str, run: Mapping[str, Any]) -> Run:
        there = self._client.search_runs([experiment_id], filter_string=f"tags.`{_JOB_TAG}` = '{run['job_id']}'")
        if there:
            return there[0]
        tags = {_JOB_TAG: run["job_id"], **{_key(name): value for name, value in run["labels"].items()}}
        return self._client.create_run(
            experiment_id, start_time=round(1000 * run["began_at"]), tags=tags, run_name=run["name"] or run["job_id"]
        )

    def _log_params(self, params: Mapping[str, Any], *, known: Mapping[str, str]) -> None:
        """Params never change: what an earlier attempt logged stays."""
        new = [
            Param(_key(name), str(value)[:_LONGEST_VALUE]) for name, value in params.items() if _key(name) not in known
        ]
        for batch in _batches(new, _PARAMS_BATCH):
            self._client.log_batch(self._run_id, params=batch)

    def _fresh(self, series: Mapping[str, Points]) -> Iterator[Metric]:
        for name, points in series.items():
            key = _key(name)
            fresh = points[points.steps > self._last_steps.get(key, -1)]
            columns = (fresh.values.tolist(), (1000 * fresh.times).round().astype(int).tolist(), fresh.steps.tolist())
            for value, time_ms, step in zip(*columns, strict=True):
                yield Metric(key, value, time_ms, step)


def _key(name: str) -> str:
    return _UNFIT.sub("_", name)


def _batches(things: Sequence[Any], size: int) -> Iterator[list[Any]]:
    left = iter(things)
    while batch := list(islice(left, size)):
        yield batch
