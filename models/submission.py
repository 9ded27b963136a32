"""From a document to a job: read strictly, looked up, resolved against the data, queued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from models import datasets, jobs, spec
from models.errors import FieldError, InvalidSpec, NotFound
from models.identifiers import is_id
from models.job import Job
from models.profile import Profile
from models.samples import SAMPLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A spec that is fit to be queued."""

    sent: Mapping[str, Any]
    resolved: Mapping[str, Any]
    dataset_id: str | None  # None for a sample


def prepare(connection: Connection, *, project: str, document: Mapping[str, Any]) -> Submission:
    """Read a spec and resolve it against its dataset's profile. Raises `InvalidSpec` with a pointer per mistake."""
    parsed = spec.parse(document)
    dataset_id, profile = _profile(connection, project=project, name=parsed.data.dataset)
    resolved = spec.document(spec.resolve(parsed, profile))
    return Submission(sent=document, resolved=resolved, dataset_id=dataset_id)


def queue(connection: Connection, submission: Submission, *, project: str) -> Job:
    """Queue the job, in the caller's transaction. Raises `InvalidSpec` where its dataset has been deleted meanwhile."""
    if submission.dataset_id is not None:
        _ready(connection, project=project, dataset_id=submission.dataset_id)
    return jobs.submit(
        connection,
        project=project,
        sent=submission.sent,
        resolved=submission.resolved,
        dataset_id=submission.dataset_id,
    )


def _profile(connection: Connection, *, project: str, name: str) -> tuple[str | None, Profile]:
    if is_id(name, "ds"):
        dataset = _ready(connection, project=project, dataset_id=name)
        return dataset.id, Profile.model_validate(dataset.profile)
    if name in SAMPLES:
        return None, SAMPLES[name].profile
    raise _unusable(f"there is no dataset {name!r}; use the id of one, or a sample: {', '.join(sorted(SAMPLES))}")


def _ready(connection: Connection, *, project: str, dataset_id: str) -> datasets.Dataset:
    try:
        dataset = datasets.get(connection, project=project, dataset_id=dataset_id)
    except NotFound as error:
        raise _unusable(f"there is no dataset {dataset_id}") from error
    if dataset.status != datasets.READY:
        raise _unusable(f"dataset {dataset_id} is {dataset.status}; a job needs one that is {datasets.READY}")
    return dataset


def _unusable(detail: str) -> InvalidSpec:
    return InvalidSpec(f"The dataset cannot be used: {detail}.", errors=[FieldError("#/data/dataset", detail)])
