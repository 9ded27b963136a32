"""From a document to a job: read strictly, looked up, resolved against the data, queued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection

from models import checkpoints, datasets, jobs, spec
from models.destinations import Destinations
from models.errors import FieldError, InvalidSpec, NotFound
from models.identifiers import is_id
from models.job import NO_DESCENT, Descent, Job
from models.profile import Profile
from models.samples import SAMPLES
from models.samples.public import PUBLIC, SCHEME
from models.spec.data import Data, FixedSplit
from models.spec.origin import InitFrom


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A spec that is fit to be queued."""

    sent: Mapping[str, Any]
    resolved: Mapping[str, Any]
    dataset_ids: tuple[str, ...]  # samples have none
    profile: Profile
    descent: Descent = NO_DESCENT


def prepare(
    connection: Connection, *, project: str, document: Mapping[str, Any], destinations: Destinations
) -> Submission:
    """Read a spec and resolve it against its dataset's profile. Raises `InvalidSpec` with a pointer per mistake."""
    parsed = spec.parse(document)
    dataset_ids, profile, test = _data(connection, parsed.data, project=project)
    explicit = spec.resolve(parsed, profile)
    if test is not None:
        _check_columns(explicit.data, test)
    resolved = spec.document(explicit)
    destinations.check(resolved["tracking"])
    prepared = Submission(sent=document, resolved=resolved, dataset_ids=dataset_ids, profile=profile)
    if parsed.init_from is None:
        return prepared
    return _beginning(connection, prepared, project=project, wanted=parsed.init_from)


def descended(
    connection: Connection,
    *,
    project: str,
    document: Mapping[str, Any],
    destinations: Destinations,
    parent_id: str,
    origin: Literal["fork", "reproduction"],
) -> Submission:
    """As `prepare`, for a job that comes from another one."""
    prepared = prepare(connection, project=project, document=document, destinations=destinations)
    return replace(prepared, descent=replace(prepared.descent, parent_id=parent_id, origin=origin))


def queue(connection: Connection, submission: Submission, *, project: str) -> Job:
    """Queue the job, in the caller's transaction. Raises `InvalidSpec` where its dataset, or the checkpoint that it is
    to begin with, has been deleted meanwhile.
    """
    for dataset_id in submission.dataset_ids:
        _ready(connection, project=project, dataset_id=dataset_id)
    held = submission.descent.init_checkpoint_id
    if held is not None and checkpoints.standing(connection, checkpoint_id=held) is None:
        raise _no_beginning(f"checkpoint {held} is gone")
    return jobs.submit(
        connection,
        project=project,
        sent=submission.sent,
        resolved=submission.resolved,
        dataset_ids=submission.dataset_ids,
        descent=submission.descent,
    )


def _beginning(connection: Connection, prepared: Submission, *, project: str, wanted: InitFrom) -> Submission:
    """The submission with the checkpoint it begins with, by its id."""
    try:
        job = jobs.get(connection, project=project, job_id=wanted.job)
        checkpoint = checkpoints.find(connection, job_id=job.id, ref=wanted.checkpoint)
    except NotFound as error:
        raise _no_beginning(error.detail) from error
    network, theirs = prepared.resolved["network"]["type"], job.resolved_spec["network"]["type"]
    if network != theirs:
        raise _no_beginning(f"{job.id} has another network, {theirs}; this is {network}")
    begun = {"job": job.id, "checkpoint": checkpoint.id}
    return replace(
        prepared,
        resolved={**prepared.resolved, "init_from": begun},
        descent=replace(prepared.descent, init_checkpoint_id=checkpoint.id),
    )


def _no_beginning(detail: str) -> InvalidSpec:
    return InvalidSpec(f"The job cannot begin there: {detail}", errors=[FieldError("#/init_from", detail)])


def _data(connection: Connection, wanted: Data, *, project: str) -> tuple[tuple[str, ...], Profile, Profile | None]:
    """The datasets that a job reads, what is known of them together, and of the one to test on where it is another."""
    dataset_ids, profile = _profile(connection, project=project, name=wanted.dataset)
    if not isinstance(wanted.split, FixedSplit):
        return dataset_ids, profile, None
    test_ids, test = _profile(connection, project=project, name=wanted.split.test, at="#/data/split/test")
    if profile.kind != test.kind:
        what = f"it holds {test.kind}, and the dataset to train on {profile.kind}"
        raise _unusable(what, at="#/data/split/test")
    together = profile.model_copy(update={"split": {"train": profile.rows, "test": test.rows}})
    return tuple(dict.fromkeys((*dataset_ids, *test_ids))), together, test


def _check_columns(data: Data, test: Profile) -> None:
    """Raise InvalidSpec where the dataset to test on lacks a column that the job reads."""
    if test.kind != "table":
        return
    needed = [*data.features, *([] if data.target is None else [data.target])]
    if missing := [repr(name) for name in needed if test.column(name) is None]:
        raise _unusable(f"it has no column {', '.join(missing)}", at="#/data/split/test")


def _profile(
    connection: Connection, *, project: str, name: str, at: str = "#/data/dataset"
) -> tuple[tuple[str, ...], Profile]:
    if is_id(name, "ds"):
        dataset = _ready(connection, project=project, dataset_id=name, at=at)
        return (dataset.id,), Profile.model_validate(dataset.profile)
    if name in SAMPLES:
        return (), SAMPLES[name].profile
    known = ", ".join(sorted(SAMPLES))
    if name in PUBLIC:
        detail = f"{name} does not ship with the service; declare a dataset with the url {SCHEME}{name}, and use its id"
        raise _unusable(detail, at=at)
    raise _unusable(f"there is no dataset {name!r}; use the id of one, or a sample: {known}", at=at)


def _ready(connection: Connection, *, project: str, dataset_id: str, at: str = "#/data/dataset") -> datasets.Dataset:
    try:
        dataset = datasets.get(connection, project=project, dataset_id=dataset_id)
    except NotFound as error:
        raise _unusable(f"there is no dataset {dataset_id}", at=at) from error
    if dataset.status != datasets.READY:
        raise _unusable(f"dataset {dataset_id} is {dataset.status}; a job needs one that is {datasets.READY}", at=at)
    return dataset


def _unusable(detail: str, *, at: str) -> InvalidSpec:
    return InvalidSpec(f"The dataset cannot be used: {detail}.", errors=[FieldError(at, detail)])
