"""What a trainer is told at its start: the spec, where the data is, where checkpoints go, what to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models import checkpoints, datasets
from models.artifacts import ArtifactStore
from models.checkpoints import Checkpoint
from models.database import Connection
from models.errors import InvalidData, NotFound
from models.leases import Claim
from models.spec.units import duration_seconds
from worker.ledger import folder_key
from worker.messages import Frame

_DATASET_PREFIX: Final = "ds_"


def locate(connection: Connection, claim: Claim, *, store: ArtifactStore) -> dict[str, Any]:
    """Where the trainer finds the data of a claimed job, or where in an object store it has to be fetched from first.

    Raises InvalidData where there is none any more.
    """
    data = claim.spec["data"]
    found = _located(connection, data["dataset"], project=claim.project, store=store)
    if data.get("split", {}).get("type") != "fixed":
        return found
    return {**found, "test": _located(connection, data["split"]["test"], project=claim.project, store=store)}


def _located(connection: Connection, name: str, *, project: str, store: ArtifactStore) -> dict[str, Any]:
    if not name.startswith(_DATASET_PREFIX):
        return {"sample": name}
    try:
        dataset = datasets.get(connection, project=project, dataset_id=name)
    except NotFound as error:
        raise InvalidData("the dataset is no longer there", place=name) from error
    if dataset.location is None:
        raise InvalidData("the dataset has no content", place=name)
    where = (
        {"path": str(store.workspace(dataset.location))}
        if store.shares_disk
        else {"key": dataset.location, "sha256": dataset.sha256}
    )
    return {**where, "format": dataset.format, "options": dict(dataset.options)}


def locate_beginning(connection: Connection, claim: Claim) -> Checkpoint | None:
    """The checkpoint whose weights a job begins with, unless an attempt of its own has one to go on from.

    Raises InvalidData where it is gone.
    """
    begun = claim.spec.get("init_from")
    if begun is None or claim.resume:
        return None
    found = checkpoints.standing(connection, checkpoint_id=begun["checkpoint"])
    if found is None:
        raise InvalidData("the checkpoint to begin with is no longer there", place=begun["checkpoint"])
    return found


def start_frame(
    claim: Claim,
    source: Mapping[str, Any],
    *,
    store: ArtifactStore,
    num_threads: int,
    begin: Checkpoint | None = None,
    memory: Path | None = None,
) -> Frame:
    """The start frame of a claimed job; `memory` is where this machine keeps what simple predictors answer.

    What has to be fetched first is not in it: see `worker.provisions`.
    """
    is_here = store.shares_disk
    return Frame(
        "start",
        {
            "spec": _unpinned(claim),
            "source": source,
            "directory": str(store.workspace(folder_key(claim.lease))),
            "device": (claim.sent.get("resources") or {}).get("device", "auto"),
            "num_threads": num_threads,
            "begin": None if begin is None or not is_here else str(store.workspace(begin.location)),
            "memory": None if memory is None else str(memory),
            "is_first_attempt": claim.lease.attempt == 1,
            "resume": [
                {"attempt": there.attempt, "step": there.step, "path": str(store.workspace(there.location))}
                for there in claim.resume
                if is_here
            ],
        },
    )


def _unpinned(claim: Claim) -> dict[str, Any]:
    """The resolved spec without what an earlier attempt settled for its own device and this one may settle anew."""
    spec = dict(claim.spec)
    for section, field in (("resources", "device"), ("training", "precision")):
        if section in spec:
            spec[section] = {**spec[section], field: (claim.sent.get(section) or {}).get(field, "auto")}
    return spec


def max_runtime_seconds(claim: Claim) -> float | None:
    """How long an attempt of this job may run; None for as long as it takes."""
    text = claim.spec.get("max_runtime")
    return None if text is None else duration_seconds(text)


def keep_last(claim: Claim) -> int:
    """How many of the newest checkpoints are kept."""
    return int(claim.spec.get("checkpoints", {}).get("keep_last", 2))
