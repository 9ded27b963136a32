"""Trusting a checkpoint only after every byte has been checked, and finding the newest that can be trusted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import torch
from safetensors import SafetensorError

from worker.training.callbacks import SavedCheckpoint, SavedFile
from worker.training.checkpoint.snapshot import Snapshot, Tensors
from worker.training.checkpoint.writing import (
    ASIDE,
    BEST,
    FORMAT,
    GOLDEN,
    MANIFEST,
    OPTIMIZER,
    RAW,
    STATE,
    WEIGHTS,
    standing,
)
from worker.training.errors import CheckpointRefused

#: The files that are enough to predict with.
PREDICTING: Final = frozenset({WEIGHTS, STATE, GOLDEN})


def load(path: Path, *, wanted: Mapping[str, Any] | None = None, only: frozenset[str] | None = None) -> Snapshot:
    """The snapshot in a checkpoint folder. Raises CheckpointRefused unless sizes, digests and numbers are all right.

    `wanted` are entries that the manifest must have: the digests of the spec and the data of the run that goes on.
    `only` names the files that are looked at; the others need not be there.
    """
    path = standing(path)
    manifest = read_manifest(path)
    facts = {name: value for name, value in manifest.items() if name not in {"format", "step", "epoch", "files"}}
    check_identity(facts, wanted=wanted or {}, step=path.name)
    contents = {
        name: _verified(path / name, entry) for name, entry in manifest["files"].items() if only is None or name in only
    }
    if missing := sorted({WEIGHTS, STATE} - contents.keys()):
        raise CheckpointRefused(f"{path.name} has no {missing[0]}")
    snapshot = Snapshot(
        step=manifest["step"],
        epoch=manifest["epoch"],
        weights=_tensors(contents[WEIGHTS], name=WEIGHTS),
        optimizer=_tensors(contents[OPTIMIZER], name=OPTIMIZER) if OPTIMIZER in contents else {},
        state=json.loads(contents[STATE]),
        best=_tensors(contents[BEST], name=BEST) if BEST in contents else {},
        raw=_tensors(contents[RAW], name=RAW) if RAW in contents else {},
        golden=_tensors(contents[GOLDEN], name=GOLDEN, may_be_nan=True) if GOLDEN in contents else {},
        facts=facts,
    )
    if wanted is not None and not snapshot.is_complete:
        raise CheckpointRefused(f"checkpoint {path.name} holds what predicts, not what training goes on from")
    return snapshot


def check_identity(facts: Mapping[str, Any], *, wanted: Mapping[str, Any], step: str) -> None:
    """Raise CheckpointRefused where a manifest's facts are not those of the run that wants to go on from it."""
    for name, value in wanted.items():
        if facts.get(name) != value:
            raise CheckpointRefused(f"checkpoint {step} is of another {name.partition('_')[0]}")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a checkpoint folder. Raises CheckpointRefused when it is missing, broken or of another format."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        known = manifest["format"] == FORMAT and isinstance(manifest["files"], dict)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointRefused(f"checkpoint {path.name} has no readable manifest: {error}") from None
    if not known:
        raise CheckpointRefused(f"checkpoint {path.name} is of format {manifest['format']}, not {FORMAT}")
    return dict(manifest)


def described(path: Path, *, kinds: frozenset[str], metrics: Mapping[str, float]) -> SavedCheckpoint:
    """A checkpoint folder as its manifest describes it. Raises CheckpointRefused when there is none."""
    path = standing(path)
    manifest = read_manifest(path)
    files = [SavedFile(name, entry["bytes"], entry["sha256"]) for name, entry in manifest["files"].items()]
    content = (path / MANIFEST).read_bytes()
    sealed = SavedFile(MANIFEST, len(content), hashlib.sha256(content).hexdigest())
    return SavedCheckpoint(
        manifest["step"], manifest["epoch"], kinds, dict(metrics), [*files, sealed], path, sealed.sha256
    )


def latest_good(
    directory: Path,
    *,
    before: int | None = None,
    wanted: Mapping[str, Any] | None = None,
    on_damage: Callable[[str], None] = lambda _: None,
) -> Snapshot | None:
    """The newest checkpoint below a folder that can be loaded, older than step `before` if given; else None.

    `on_damage` hears about each that had to be passed over.
    """
    if not directory.is_dir():
        return None
    names = {path.name.removesuffix(ASIDE) for path in directory.iterdir()}
    for step in sorted((int(name) for name in names if name.isdecimal()), reverse=True):
        if before is not None and step >= before:
            continue
        try:
            return load(directory / str(step), wanted=wanted)
        except CheckpointRefused as refused:
            on_damage(refused.message)
    return None


def _verified(path: Path, entry: Mapping[str, Any]) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointRefused(f"{path.parent.name}/{path.name} cannot be read: {error}") from None
    if len(content) != entry["bytes"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise CheckpointRefused(f"{path.parent.name}/{path.name} is not what its manifest says")
    return content


def _tensors(content: bytes, *, name: str, may_be_nan: bool = False) -> Tensors:
    try:
        tensors: Tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise CheckpointRefused(f"{name} is no safetensors file: {error}") from None
    if not may_be_nan and (broken := not_finite(tensors)):
        raise CheckpointRefused(f"{name}: {broken} is not finite")
    return tensors


def not_finite(tensors: Mapping[str, torch.Tensor]) -> str | None:
    """The name of the first tensor with NaN or infinities, or None. Fences of clipping may be infinite."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()) and not _may_be_infinite(name, tensor):
            return name
    return None


def _may_be_infinite(name: str, tensor: torch.Tensor) -> bool:
    return name.startswith("preprocessing.") and not bool(torch.isnan(tensor).any())
