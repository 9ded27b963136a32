"""Beginning with the weights of another run instead of random ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor

from worker.training.checkpoint.snapshot import Snapshot
from worker.training.errors import TrainingError
from worker.training.networks import Model

_NETWORK: Final = "network."


def begin_with(model: Model, snapshot: Snapshot, *, recipe: Mapping[str, Any]) -> None:
    """Give a model the network's weights of a snapshot; its preprocessing stays as it was fitted on its own rows.

    Raises TrainingError where the snapshot reads other columns or words than `recipe`, for then equal shapes mean
    different things, and where a weight is missing, left over or of another shape.
    """
    if snapshot.state["data"]["encoding"] != recipe["encoding"]:
        raise _mismatch("its columns, classes or vocabularies are not those of this job's data")
    theirs = {name: tensor for name, tensor in snapshot.weights.items() if name.startswith(_NETWORK)}
    ours = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(_NETWORK)}
    for name in sorted(ours.keys() | theirs.keys()):
        if _shape(ours.get(name)) != _shape(theirs.get(name)):
            words = f"{name} is {_shape(theirs.get(name))} there and {_shape(ours.get(name))} here"
            raise _mismatch(words)
    model.load_state_dict(theirs, strict=False)


def _shape(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else " x ".join(map(str, tensor.shape)) or "a number"


def _mismatch(detail: str) -> TrainingError:
    return TrainingError("init_mismatch", f"The job cannot begin with that checkpoint: {detail}.", param="#/init_from")
