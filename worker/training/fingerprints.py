"""Digests that tell whether a checkpoint belongs to this spec and this data."""

from __future__ import annotations

import hashlib
import json

from models.spec import JobSpec, document
from worker.training.data import Data, Split

#: Parts of a spec that say who runs it where, and may change between two attempts.
NOT_TRAINING = ("name", "labels", "priority", "resources", "retries", "max_runtime", "checkpoints")
MAX_BYTES = 16 << 20


def of_spec(spec: JobSpec) -> str:
    """SHA-256 of everything in a resolved spec that training depends on."""
    words = {name: value for name, value in document(spec).items() if name not in NOT_TRAINING}
    del words["training"]["precision"]  # settled by the device
    if words["training"]["compile"] is not True:  # as before it could be asked for
        del words["training"]["compile"]
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()


def of_data(data: Data) -> str:
    """SHA-256 of the prepared rows: all of them, or evenly spaced ones of a part larger than 16 MiB."""
    digest = hashlib.sha256()
    for split in (data.train, data.validation, data.test):
        _update(digest, split)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, split: Split) -> None:
    inputs = split.inputs
    if split.pictures is not None:  # known by their files, so that it does not matter whether they are decoded already
        digest.update(split.pictures.fingerprint())
        inputs = {}
    for name, tensor in sorted({**inputs, "": split.targets}.items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        num_bytes = tensor.numel() * tensor.element_size()
        stride = max(1, -(-num_bytes // MAX_BYTES))
        digest.update(tensor[::stride].cpu().contiguous().numpy().tobytes())
