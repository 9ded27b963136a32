"""What an attempt needs on this worker's disk before it can train, brought from an object store.

The newest checkpoint that is whole comes along; one that is damaged or gone is told, as a trainer tells it, and the one
before it is taken. The lease is kept meanwhile: all of this runs beside the supervisor.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.artifacts import ArtifactStore, Copy, is_remote
from models.checkpoints import Checkpoint
from models.errors import NotFound, Unavailable
from worker.exits import Reason
from worker.messages import Frame
from worker.storage import Patience, reason_of

if TYPE_CHECKING:
    from models.artifacts.objects import ObjectStore

#: The files that are enough to begin with another job's weights, and to predict.
PREDICTING: Final = frozenset({"weights.safetensors", "state.json", "golden.safetensors"})
_STATE: Final = "state.json"


class Missing(Exception):
    """What the attempt needs cannot be had; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


class Provisions:
    """Everything that one attempt needs, held until it is released."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        source: Mapping[str, Any],
        resume: Sequence[Checkpoint],
        begin: Checkpoint | None,
        patience_seconds: float,
    ) -> None:
        self._store = store
        self._source = source
        self._resume = resume
        self._begin = begin
        self._patience_seconds = patience_seconds
        self._abandoned = threading.Event()
        self._held: list[Copy] = []

    def bring(self, *, on_sign: Callable[[], None], tell: Callable[[Frame], None]) -> dict[str, Any]:
        """Fetch everything; the fields that the start frame lacks. `tell` hears of damaged checkpoints.

        Raises Missing, and Abandoned once nobody waits for it any more.
        """
        watch = Patience(self._patience_seconds, on_sign=on_sign, on_wait=on_sign, abandoned=self._abandoned)
        try:
            found = self._newest(watch, tell)
            begin = self._beginning(watch) if found is None else None
            return {
                "source": self._data(watch),
                "resume": [] if found is None else [found],
                "begin": None if begin is None else str(begin),
            }
        except (Unavailable, OSError) as error:
            raise Missing(reason_of(error)) from error

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self._abandoned.set()

    def release(self) -> None:
        """Let what was fetched be deleted when room is needed."""
        while self._held:
            self._held.pop().release()

    def _data(self, watch: Patience) -> dict[str, Any]:
        found = self._one_source(self._source, watch)
        if (test := self._source.get("test")) is not None:
            found["test"] = self._one_source(test, watch)
        return found

    def _one_source(self, source: Mapping[str, Any], watch: Patience) -> dict[str, Any]:
        if "key" not in source:
            return dict(source)
        try:
            copy = self._store.fetch(source["key"], sha256=source["sha256"], watch=watch)
        except NotFound as error:
            message = f"The content of the dataset is no longer stored as it came: {error.detail}"
            raise Missing(Reason("storage_fault", message, "#/data/dataset")) from error
        self._held.append(copy)
        return {"path": str(copy.path), "format": source["format"], "options": source["options"]}

    def _newest(self, watch: Patience, tell: Callable[[Frame], None]) -> dict[str, Any] | None:
        for candidate in self._resume:
            try:
                path = self._complete(candidate, watch)
            except NotFound as error:
                told = {"attempt": candidate.attempt, "step": candidate.step, "message": error.detail}
                tell(Frame("damaged", told))
            else:
                if path is not None:
                    return {"attempt": candidate.attempt, "step": candidate.step, "path": str(path)}
        return None

    def _complete(self, candidate: Checkpoint, watch: Patience) -> Path | None:
        """A checkpoint that training can go on from; None for one that only predicts. Raises NotFound."""
        with self._fetched(candidate, only={_STATE}, watch=watch) as copy:
            if not json.loads((copy.path / _STATE).read_bytes())["is_complete"]:
                return None
        self._held.append(self._fetched(candidate, only=None, watch=watch))
        return self._held[-1].path

    def _beginning(self, watch: Patience) -> Path | None:
        if self._begin is None:
            return None
        try:
            self._held.append(self._fetched(self._begin, only=PREDICTING, watch=watch))
        except NotFound as error:
            message = f"The checkpoint to begin with is damaged: {error.detail}"
            raise Missing(Reason("checkpoint_refused", message)) from error
        return self._held[-1].path

    def _fetched(self, candidate: Checkpoint, *, only: set[str] | frozenset[str] | None, watch: Patience) -> Copy:
        return self._store.fetch_checkpoint(
            candidate.location, manifest_sha256=candidate.manifest_sha256, only=only, watch=watch
        )


@contextmanager
def at_hand(
    store: ArtifactStore, *, source: Mapping[str, Any], begin: Checkpoint | None, patience_seconds: float
) -> Iterator[dict[str, Any]]:
    """The data and the initial weights of a spec on this worker's disk, while the block runs. Raises Missing."""
    if not is_remote(store):
        yield {"source": dict(source), "begin": None if begin is None else str(store.workspace(begin.location))}
        return
    provisions = Provisions(store, source=source, resume=(), begin=begin, patience_seconds=patience_seconds)
    try:
        found = provisions.bring(on_sign=lambda: None, tell=lambda _: None)
        yield {"source": found["source"], "begin": found["begin"]}
    finally:
        provisions.release()
