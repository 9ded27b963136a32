"""What is different between jobs: the places where their resolved specs differ, their data, their results, and the
first step at which their training losses part.

Steps can be compared one by one because all randomness is a function of seed, epoch and step: two jobs of equal specs
have equal losses, so the first difference is where the cause took effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from models import datasets, jobs
from models.errors import NotFound
from models.identifiers import is_id
from models.job import Job
from models.json_text import number
from models.prepared import Reader

_LOSS: Final = "train/loss"


def compare(connection: Connection, *, project: str, job_ids: Sequence[str]) -> dict[str, Any]:
    """The comparison as the API shows it. Raises `NotFound` for a job that is not there."""
    found = [jobs.get(connection, project=project, job_id=job_id) for job_id in job_ids]
    digests = [weights_sha256(job) for job in found]
    return {
        "jobs": [_side(connection, job, project=project) for job in found],
        "differences": list(_differences([job.resolved_spec for job in found])),
        "losses": [_parting(connection, found[0], other) for other in found[1:]],
        "weights_equal": None if None in digests else len(set(digests)) == 1,
    }


def reproduction(connection: Reader, job: Job, *, project: str) -> dict[str, Any] | None:
    """How a job that runs another one again came out; None for any other job."""
    parent_id = job.descent.parent_id
    if job.descent.origin != "reproduction" or parent_id is None:
        return None
    try:
        parent = jobs.get(connection, project=project, job_id=parent_id)
    except NotFound:
        return {"of": parent_id, "weights_equal": None, "metrics_equal": None}
    mine, theirs = weights_sha256(job), weights_sha256(parent)
    if mine is None or theirs is None:
        return {"of": parent_id, "weights_equal": None, "metrics_equal": None}
    tests = [(one.result or {}).get("test") for one in (job, parent)]
    return {"of": parent_id, "weights_equal": mine == theirs, "metrics_equal": tests[0] == tests[1]}


def weights_sha256(job: Job) -> str | None:
    """The digest of a job's final weights; None before it has any."""
    digest = (job.result or {}).get("weights_sha256")
    return None if digest is None else str(digest)


def _side(connection: Connection, job: Job, *, project: str) -> dict[str, Any]:
    result = job.result or {}
    return {
        "id": job.id,
        "name": job.name,
        "status": job.status,
        "parent": job.descent.parent_id,
        "dataset": _dataset(connection, job.resolved_spec["data"]["dataset"], project=project),
        "test": result.get("test"),
        "best": result.get("best"),
        "weights_sha256": weights_sha256(job),
    }


def _dataset(connection: Connection, name: str, *, project: str) -> dict[str, Any]:
    if not is_id(name, "ds"):
        return {"id": name, "sha256": None}
    try:
        return {"id": name, "sha256": datasets.get(connection, project=project, dataset_id=name).sha256}
    except NotFound:
        return {"id": name, "sha256": None}


def _differences(documents: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The smallest subtrees that are not the same everywhere, in the order of their pointers. A section that one job
    leaves null and another fills is told of by its fields alone.
    """
    flat = [dict(_leaves(document, "#")) for document in documents]
    for pointer in sorted({pointer for leaves in flat for pointer in leaves}):
        values = [leaves.get(pointer) for leaves in flat]
        if any(value != values[0] or type(value) is not type(values[0]) for value in values[1:]):
            yield {"pointer": pointer, "values": values}


def _leaves(document: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Every value that is no object, with its JSON pointer; a list is a value."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield from _leaves(value, f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}")
    else:
        yield at, document


def _parting(connection: Connection, first: Job, other: Job) -> dict[str, Any]:
    import numpy as np  # only who compares waits for it to load

    from models import metrics

    nothing = {"jobs": [first.id, other.id], "first_step": None, "values": None, "compared_steps": 0}
    try:
        mine, theirs = (metrics.series(connection, job_id=job.id, name=_LOSS) for job in (first, other))
    except NotFound:
        return nothing
    steps, places, others = np.intersect1d(mine.steps, theirs.steps, assume_unique=True, return_indices=True)
    left, right = mine.values[places], theirs.values[others]
    differs = np.flatnonzero(~((left == right) | (np.isnan(left) & np.isnan(right))))
    if not len(differs):
        return {**nothing, "compared_steps": len(steps)}
    at = int(differs[0])
    return {
        **nothing,
        "first_step": int(steps[at]),
        "values": [number(float(left[at])), number(float(right[at]))],
        "compared_steps": len(steps),
    }
