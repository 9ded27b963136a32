"""Submitting and finding jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ._comparison import Comparison
from ._exceptions import ConfigurationError
from ._job import Job
from ._pagination import listing
from ._transport import Transport

#: A job spec, or the path of a JSON file that holds one.
Spec = Mapping[str, Any] | str | Path
#: A worker has to prepare the data before it takes a step; the service itself gives up earlier.
_STEP_SECONDS: Final = 300.0


class Jobs:
    """`client.jobs`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def submit(self, spec: Spec, *, idempotency_key: str | None = None) -> Job:
        """Submit a job spec, given as a mapping or as the path of a JSON file, and return the queued job.

        The request always carries an idempotency key, one of its own unless given, so that a repetition after a cut
        never makes a second job; give your own to be safe across restarts of your program as well.
        Raises Unprocessable with one entry in `errors` per mistake, ConfigurationError when the file is no JSON object.
        """
        return Job(self._transport, self._transport.post("/v1/jobs", body=read_spec(spec), key=idempotency_key))

    def dry_run(self, spec: Spec, *, level: str = "data") -> dict[str, Any]:
        """What the service makes of a spec, storing nothing: `resolved_spec` with every default filled in.

        Level `schema` checks and resolves it, `data` adds the dataset's profile as `data_report`, and `step` has a
        worker take the first steps for real: `parameters`, `shapes`, `seconds_per_step`, `eta_seconds`,
        `peak_memory_bytes`, `checkpoint_bytes`. Raises Unprocessable as `submit` does, and ServerError where no
        live worker can run it.
        """
        timeout = _STEP_SECONDS if level == "step" else None
        answer = self._transport.post("/v1/jobs", body=read_spec(spec), params={"dry_run": level}, timeout=timeout)
        return dict(answer)

    def compare(self, *job_ids: str) -> Comparison:
        """What is different between two to twenty jobs: specs, scores, and where the losses part. Raises NotFound."""
        return Comparison.parse(self._transport.get("/v1/jobs/compare", params={"ids": ",".join(job_ids)}))

    def get(self, job_id: str) -> Job:
        """The job with this id. Raises NotFound."""
        return Job(self._transport, self._transport.get(f"/v1/jobs/{job_id}"))

    def list(
        self,
        *,
        status: str | Sequence[str] = (),
        name: str | None = None,
        label: Mapping[str, str] | None = None,
        pool: str | None = None,
        parent: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[Job]:
        """The jobs that fit all the filters, newest first; pages are fetched as the iterator goes.

        Several statuses mean any of them. Jobs in a list come without attempts and history: `refresh` reads those.
        """
        params = {
            "status": [status] if isinstance(status, str) else list(status),
            "name": name,
            "pool": pool,
            "parent": parent,
            "created_after": created_after and created_after.isoformat(),
            "created_before": created_before and created_before.isoformat(),
            **{f"label.{key}": value for key, value in (label or {}).items()},
        }
        for document in listing(self._transport, "/v1/jobs", params=params, limit=limit):
            yield Job(self._transport, document)


def read_spec(spec: Spec) -> dict[str, Any]:
    """The job spec as a JSON object. Raises ConfigurationError when the file cannot be read or holds something else."""
    if isinstance(spec, Mapping):
        return dict(spec)
    try:
        text = Path(spec).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{spec}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{spec} is no text: {error}") from error
    return parse_spec(text, source=str(spec))


def parse_spec(text: str, *, source: str) -> dict[str, Any]:
    """The JSON object in a text. Raises ConfigurationError, which names the source, when there is none."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{source} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{source} holds no JSON object")
    return document
