"""Keeps a run: the best weights in memory, checkpoints on disk when they are due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from worker.training import golden_rows
from worker.training.callbacks import Callback, SavedCheckpoint
from worker.training.checkpoint import Background, Due, Snapshot, described, load, not_finite, save
from worker.training.errors import Diverged
from worker.training.networks import Model
from worker.training.recorder import Recorder
from worker.training.session import Session

#: Snapshots of fewer bytes are copied sooner than memory for them is laid out ahead.
LARGE_BYTES: Final = 8 << 20
#: Snapshots of a run that goes well: the one that is written, and the best or the next one.
_NUM_ROOMS: Final = 2

Kinds = frozenset[str]
_log = logging.getLogger("trainyard.trainer")


class Keeper:
    """Takes snapshots of a session and makes them durable.

    The best epoch is copied in memory the moment it is found, and written no later than the next checkpoint. Every
    checkpoint can be gone on from alone: it carries the best weights along where these are not its own.

    A step stands still for as long as the copy takes. A thread writes it while training goes on, one save at a time:
    the next one waits for it. What goes wrong there is raised at the next step boundary.
    """

    def __init__(
        self, session: Session, *, directory: Path, recorder: Recorder, callback: Callback, facts: Mapping[str, Any]
    ) -> None:
        self.due = Due(session.spec.checkpoints.every)
        self.best: Snapshot | None = None
        self._session = session
        self._directory = directory
        self._recorder = recorder
        self._callback = callback
        self._facts = facts
        self._best_is_saved = True
        self._saved: dict[int, SavedCheckpoint] = {}
        self._untold: list[SavedCheckpoint] = []
        self._latest: Path | None = None
        self._background = Background()
        self._outline: Model | None = None
        self._has_room = False

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must have in its manifest for this run to go on from it."""
        return {name: value for name, value in self._facts.items() if name.endswith("_sha256")}

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot, whose best epoch is durable in the checkpoints of the attempt that it comes from."""
        self._session.restore(snapshot)
        best = self._session.monitor.best
        if best.value is not None:
            state = {**snapshot.state, "scores": snapshot.state["best_scores"], "is_complete": False}
            self.best = Snapshot(best.step, best.epoch, snapshot.best or snapshot.weights, {}, state)
            self._best_is_saved = True
        self.due.saved(step=snapshot.step, epoch=snapshot.epoch)

    def go_back(self) -> None:
        """Put the session back to the last checkpoint that this run has saved. Raises CheckpointRefused."""
        with suppress(Diverged):  # which is why the run goes back
            self.settle()
        if self._latest is None:
            raise ValueError("nothing has been saved yet")
        self.resume(load(self._latest, wanted=self.identity))

    def keep_best(self) -> None:
        """Remember the present state as the best so far."""
        self.best = None  # whose memory may be used again
        self.best = self._session.snapshot()
        self._best_is_saved = False

    def is_due(self, step: int) -> bool:
        """Whether to save behind this step, in the middle of an epoch. Raises what a save before has failed with."""
        self._background.check()
        if not self._has_room:
            self._make_room()
        return self.due.after_step(step)

    def save(self, *, waits: bool = False) -> None:
        """Make the present state durable, and the best one before it. Metrics up to here are handed on first.

        Training may go on at once, unless it `waits` until everything is durable.
        """
        self._recorder.flush()
        self.settle()
        wanted = [*self._unsaved_best(self._session.counters.step), *self._unsaved_latest()]
        if waits or not wanted:
            self._write_all(wanted, model=self._session.model)
            return
        if self._outline is None:
            self._outline = golden_rows.outline(self._session.model)
        outline = self._outline
        self._background.begin(lambda: self._write_all(wanted, model=outline))

    def settle(self) -> None:
        """Wait until everything that was to be saved is durable. Raises what it has failed with: OSError, Diverged."""
        self._background.settle()

    def close(self, *, abandons: bool = False) -> None:
        """Leave no thread behind, whatever has ended the run; `abandons` what is not durable yet."""
        if abandons:
            self._background.abandon()
        try:
            self._background.settle()
        except Exception:  # noqa: BLE001  the run has ended by something else, which is told
            _log.exception("a checkpoint could not be saved")

    def begin_to_finish(self, last: Snapshot) -> None:
        """Begin to make the last state durable, while the run is scored; `finish` waits for it and tells."""
        self.settle()
        model, rows = self._session.model, self._session.data.test
        wanted = [
            (snapshot.with_golden(golden_rows.answered(model, snapshot.weights, rows)), kinds)
            for snapshot, kinds in (*self._unsaved_best(last.step), *self._unsaved_latest(last))
        ]
        self._background.begin(lambda: self._untold.extend(self._made_durable(*one) for one in wanted), hurries=True)

    def finish(self, *, returned: Snapshot) -> SavedCheckpoint:
        """See the last state durable, and the one that the run returns as its final; answers the latter."""
        self._alive()
        self.settle()
        for saved in self._untold:
            self._tell(saved)
        if returned.step not in self._saved:  # it was found by an earlier attempt
            self._write_again(returned)
        final = self._saved[returned.step]
        final = replace(final, kinds=final.kinds | {"final"})
        self._callback.on_checkpoint(final)
        return final

    def rescue(self) -> None:
        """Make the best state durable, because there will be no other."""
        with suppress(Diverged):  # it is told already
            self.settle()
        if self.best is not None and not self._best_is_saved:
            self._write(self.best, kinds=frozenset({"best"}), model=self._session.model)
            self._best_is_saved = True

    def _unsaved_best(self, step: int) -> list[tuple[Snapshot, Kinds]]:
        """The best state, where it is not that of this step and not to be durable yet; it is from now on."""
        best = self.best
        if best is None or best.step == step:
            return []
        self.best = best.without_optimizer()
        wanted = [] if self._best_is_saved else [(best, frozenset({"best"}))]
        self._best_is_saved = True
        return wanted

    def _unsaved_latest(self, now: Snapshot | None = None) -> list[tuple[Snapshot, Kinds]]:
        """The present state, unless it is durable already, as all that it is."""
        counters, best = self._session.counters, self.best
        is_best = best is not None and best.step == counters.step
        kinds = frozenset({"latest", "best"} if is_best else {"latest"})
        if counters.step in self._saved and kinds <= self._saved[counters.step].kinds:
            return []
        if now is None:
            now = best if is_best and best is not None and best.is_complete else self._session.snapshot()
        if best is not None and not is_best:
            now = now.with_best(best.weights)
        self._best_is_saved |= is_best
        self.due.saved(step=now.step, epoch=now.epoch)
        return [(now, kinds)]

    def _write_again(self, best: Snapshot) -> None:
        """Have the best epoch in this folder too, unless it is there already."""
        path = self._directory / str(best.step)
        if path.exists():
            self._saved[best.step] = described(path, kinds=frozenset({"best"}), metrics=best.scores)
        else:
            self._write(best, kinds=frozenset({"best"}), model=self._session.model)

    def _write_all(self, wanted: Sequence[tuple[Snapshot, Kinds]], *, model: Model) -> None:
        for snapshot, kinds in wanted:
            self._write(snapshot, kinds=kinds, model=model)

    def _write(self, snapshot: Snapshot, *, kinds: Kinds, model: Model) -> None:
        """Save and tell. Raises Diverged rather than keep weights that are not finite."""
        self._alive()
        golden = golden_rows.answered(model, snapshot.weights, self._session.data.test)
        self._tell(self._made_durable(snapshot.with_golden(golden), kinds))

    def _made_durable(self, snapshot: Snapshot, kinds: Kinds) -> SavedCheckpoint:
        """Save; nobody is told yet. Raises Diverged."""
        if not_finite(snapshot.weights) is not None:
            raise Diverged(step=snapshot.step, what="network after the update")
        self._alive()
        return save(
            self._directory, snapshot, kinds=kinds, metrics=snapshot.scores, facts=self._facts, on_sign=self._alive
        )

    def _tell(self, saved: SavedCheckpoint) -> None:
        self._saved[saved.step] = saved
        if "latest" in saved.kinds:
            self._latest = saved.path
        self._callback.on_checkpoint(saved)

    def _alive(self) -> None:
        self._background.go_on()
        self._callback.on_sign()

    def _make_room(self) -> None:
        """Lay out the memory of the next snapshots while training goes on, where it takes long."""
        self._has_room = True
        tensors = self._session.tensors()
        if sum(tensor.nbytes for part in tensors.values() for tensor in part.values()) < LARGE_BYTES:
            return

        def make() -> None:
            for part, rooms in self._session.rooms.items():
                rooms.make(tensors[part], num=_NUM_ROOMS)

        threading.Thread(target=make, name="rooms", daemon=True).start()
