"""Answers of simple predictors, kept between runs: they depend on the data and its split alone, not on the network.

Whoever tries ten networks on a table would otherwise wait ten times for the same trees. A file per split holds the
SHA-256 of what follows and the answers as safetensors, so that a torn file is noticed; it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from models.spec import document
from worker.training.session import Session

log = logging.getLogger(__name__)

#: Counted up with every change of what a baseline answers.
EDITION: Final = 1
MAX_FILES: Final = 256
MAX_BYTES: Final = 32 << 20
MAX_TOTAL_BYTES: Final = 256 << 20
_DIGEST_CHARACTERS: Final = 64
#: Of a spec, what training rows, test rows and predictors are a function of.
_SECTIONS: Final = ("task", "data", "cleaning", "preprocessing", "seed")

Answers = Sequence[tuple[str, Tensor]]


class Memory:
    """What was answered for one split, in a folder of this machine."""

    def __init__(self, folder: Path, session: Session, *, data_sha256: str) -> None:
        self._folder = folder
        self._path = folder / key(session, data_sha256=data_sha256)

    def recall(self, *, device: torch.device) -> Answers | None:
        """The answers as they were given, in their order; None where there are none, or none that are whole."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return None
        digest, packed = content[:_DIGEST_CHARACTERS], content[_DIGEST_CHARACTERS:]
        if hashlib.sha256(packed).hexdigest().encode() != digest:
            return None
        with suppress(SafetensorError):
            numbered = sorted((name.split(" ", 1), tensor) for name, tensor in load(packed).items())
            os.utime(self._path)  # what is used is kept
            return [(name, tensor.to(device)) for (_, name), tensor in numbered]
        return None

    def keep(self, answers: Answers) -> None:
        """Remember answers; where that fails, they are computed again."""
        tensors = {f"{place:02} {name}": tensor.cpu().contiguous() for place, (name, tensor) in enumerate(answers)}
        packed = save(tensors)
        if len(packed) > MAX_BYTES:
            return
        unfinished = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(hashlib.sha256(packed).hexdigest().encode() + packed)
            unfinished.rename(self._path)
            self._forget_the_oldest()
        except OSError as error:
            log.warning("the answers of simple predictors are not kept: %s", error)
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _forget_the_oldest(self) -> None:
        """Delete what has not been used for longest, until the rest is few and small enough."""
        found = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another trainer's, which has just got its name or been forgotten
                found.append((path.stat(), path))
        total = 0
        for place, (status, path) in enumerate(sorted(found, key=lambda one: -one[0].st_mtime)):
            total += status.st_size
            if place >= MAX_FILES or total > MAX_TOTAL_BYTES:
                path.unlink(missing_ok=True)


def key(session: Session, *, data_sha256: str) -> str:
    """A name for everything that the answers are a function of."""
    spec = document(session.spec)
    known: dict[str, Any] = {name: spec.get(name) for name in _SECTIONS}
    known |= {"edition": EDITION, "torch": torch.__version__, "rows": data_sha256, "recipe": session.data.recipe}
    known["signature"] = session.data.signature.document()
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
