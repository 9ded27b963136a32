"""Keeps a run: the best weights in memory, checkpoints on disk when they are due."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.training import golden_rows
from worker.training.callbacks import Callback, SavedCheckpoint
from worker.training.checkpoint import Due, Snapshot, described, load, not_finite, save
from worker.training.errors import Diverged
from worker.training.recorder import Recorder
from worker.training.session import Session


class Keeper:
    """Takes snapshots of a session and makes them durable.

    The best epoch is copied in memory the moment it is found, and written no later than the next checkpoint. Every
    checkpoint can be gone on from alone: it carries the best weights along where these are not its own.
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
        self._latest: Path | None = None

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
        if self._latest is None:
            raise ValueError("nothing has been saved yet")
        self.resume(load(self._latest, wanted=self.identity))

    def keep_best(self) -> None:
        """Remember the present state as the best so far."""
        self.best = self._session.snapshot()
        self._best_is_saved = False

    def save(self) -> None:
        """Make the present state durable, and the best one before it. Metrics up to here are handed on first."""
        self._recorder.flush()
        self._save_best()
        self._save_latest(self._session.snapshot())

    def finish(self, last: Snapshot, *, returned: Snapshot) -> SavedCheckpoint:
        """Make the last state durable, and the one that the run returns as its final; answers the latter."""
        self._save_best()
        self._save_latest(last)
        if returned.step not in self._saved:  # it was found by an earlier attempt
            self._write_again(returned)
        final = self._saved[returned.step]
        final = replace(final, kinds=final.kinds | {"final"})
        self._callback.on_checkpoint(final)
        return final

    def rescue(self) -> None:
        """Make the best state durable, because there will be no other."""
        if self.best is not None and not self._best_is_saved:
            self._write(self.best, kinds=frozenset({"best"}))
            self._best_is_saved = True

    def _save_best(self) -> None:
        if self.best is not None and self.best.step != self._session.counters.step:
            self.rescue()
            self.best = self.best.without_optimizer()

    def _save_latest(self, now: Snapshot) -> None:
        """Make this state durable, unless it is already, as all that it is."""
        is_best = self.best is not None and self.best.step == now.step
        kinds = frozenset({"latest", "best"} if is_best else {"latest"})
        if now.step in self._saved and kinds <= self._saved[now.step].kinds:
            return
        if self.best is not None and not is_best:
            now = now.with_best(self.best.weights)
        self._write(now, kinds=kinds)
        self._latest = self._saved[now.step].path
        self._best_is_saved |= is_best
        self.due.saved(step=now.step, epoch=now.epoch)

    def _write_again(self, best: Snapshot) -> None:
        """Have the best epoch in this folder too, unless it is there already."""
        path = self._directory / str(best.step)
        if path.exists():
            self._saved[best.step] = described(path, kinds=frozenset({"best"}), metrics=best.scores)
        else:
            self._write(best, kinds=frozenset({"best"}))

    def _write(self, snapshot: Snapshot, *, kinds: frozenset[str]) -> None:
        """Save and tell. Raises Diverged rather than keep weights that are not finite."""
        if not_finite(snapshot.weights) is not None:
            raise Diverged(step=snapshot.step, what="network after the update")
        alive, began = self._callback.on_sign, time.monotonic()
        alive()
        model, rows = self._session.model, self._session.data.test
        snapshot = snapshot.with_golden(golden_rows.answered(model, snapshot.weights, rows))
        saved = save(self._directory, snapshot, kinds=kinds, metrics=snapshot.scores, facts=self._facts, on_sign=alive)
        saved = replace(saved, seconds=time.monotonic() - began)
        self._saved[snapshot.step] = saved
        self._callback.on_checkpoint(saved)
