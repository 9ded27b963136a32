"""The training loop. `fit` walks epochs, an epoch walks batches, a step is forward, loss, backward, update."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import closing
from enum import StrEnum
from typing import Final

from models.spec.divergence import Rewind
from models.spec.units import duration_seconds
from worker.training.backward import Backward
from worker.training.callbacks import Callback, Order, Progress
from worker.training.diagnosis.examiner import Examiner
from worker.training.errors import Diverged
from worker.training.histograms import Observer
from worker.training.keeper import Keeper
from worker.training.recorder import Recorder, finite
from worker.training.rows import Rows, batches
from worker.training.session import Session


class Ending(StrEnum):
    """Why training ended."""

    EPOCHS = "epochs"  #: every epoch is done
    MAX_STEPS = "max_steps"  #: as many steps as were allowed
    MAX_TIME = "max_time"  #: as much time as was allowed
    EARLY_STOPPING = "early_stopping"  #: no improvement for long enough
    DIAGNOSIS = "diagnosis"  #: a rule that the spec lets stop the run has found something
    STOPPED = "stopped"  #: somebody asked to end here, with the best weights
    CANCELLED = "cancelled"  #: somebody asked to end at once
    PAUSED = "paused"  #: somebody asked to wait; a checkpoint is saved
    DRAINED = "drained"  #: the machine is needed; a checkpoint is saved


ORDERED: Final[Mapping[Order, Ending]] = {
    Order.CANCEL: Ending.CANCELLED,
    Order.PAUSE: Ending.PAUSED,
    Order.STOP: Ending.STOPPED,
    Order.DRAIN: Ending.DRAINED,
}

#: Endings after which the run goes on elsewhere or not at all, so that nothing more is measured.
BROKEN_OFF: Final = frozenset({Ending.CANCELLED, Ending.PAUSED, Ending.DRAINED})


class Loop:
    """Trains one session until something ends it."""

    def __init__(self, session: Session, *, recorder: Recorder, keeper: Keeper, callback: Callback) -> None:
        self.session = session
        self.recorder = recorder
        self.keeper = keeper
        self.callback = callback
        self.backward = Backward(session, callback)
        self.observer = Observer(session, callback)
        self.examiner = Examiner(session, callback)
        recorder.on_read = self.examiner.take_in
        session.update.on_gradients = self._see_gradients
        self._max_seconds = _seconds(session.spec.training.max_time)

    def fit(self) -> Ending:
        """Walk epochs from wherever the session is. A run that diverges still leaves its curve and its best weights."""
        try:
            ending = self._fitted()
        except BaseException:
            self.keeper.close()
            raise
        if ending is Ending.CANCELLED:
            self.keeper.close(abandons=True)
        return ending

    def _fitted(self) -> Ending:
        ending = self._ordered() or self._finished()
        if ending is Ending.STOPPED and self.session.counters.position > 0:
            self._end_epoch()  # it goes on in the middle of an epoch, whose steps have not been scored
        if ending is None and self._may_rewind:
            self.keeper.save()
        while ending is None:
            try:
                ending = self.epoch() or self._finished()
                if ending not in (None, Ending.CANCELLED):
                    self.keeper.settle()
            except Diverged as diverged:
                if not self._may_rewind:
                    self.keeper.rescue()
                    self.recorder.flush()
                    raise
                self._rewind(diverged)
        if ending in (Ending.PAUSED, Ending.DRAINED):
            self.keeper.save(waits=True)
        self.recorder.flush()
        return ending

    def epoch(self) -> Ending | None:
        """Walk the batches that are left of this epoch, then validate. Says what ended it early, if anything did."""
        ending = self._walk_batches()
        if ending in BROKEN_OFF:
            return ending
        self._end_epoch()
        if ending is None and self.keeper.due.after_epoch(
            step=self.session.counters.step, epoch=self.session.counters.epoch
        ):
            self.keeper.save()
        return ending

    @property
    def _may_rewind(self) -> bool:
        policy = self.session.spec.training.on_divergence
        return isinstance(policy, Rewind) and self.session.update.num_rewinds < policy.max_times

    def _rewind(self, diverged: Diverged) -> None:
        """Go back to the last checkpoint and on from there more carefully."""
        update = self.session.update
        num_rewinds = update.num_rewinds + 1
        update.forget()
        self.recorder.forget()
        self.keeper.go_back()
        update.num_rewinds = num_rewinds
        step = self.session.counters.step
        self.callback.on_rewound(step)
        message = f"{diverged.message} Rewind {num_rewinds}: on from step {step} with a lower learning rate."
        self.callback.on_warning("rewound", message)

    def _end_epoch(self) -> None:
        self.session.counters.next_epoch()
        self.validate()
        self._examine()

    def _see_gradients(self, step: int) -> None:
        self.observer.see_gradients(step)
        self.examiner.see_gradients(step)

    def _examine(self) -> None:
        """Let the rules judge what the epoch has come to, where it is time to."""
        counters = self.session.counters
        if self.examiner.is_due(counters.step):
            self.recorder.flush()
            loss = self.session.scores.get("validation/loss", math.nan)
            self.examiner.look(step=counters.step, epoch=counters.epoch, validation_loss=loss)

    def step(self, batch: Rows) -> None:
        """Forward, loss, backward, update."""
        session = self.session
        done = session.counters.step
        loss, hits = self.backward(batch)
        norm = session.update(step=done, loss=loss, again=lambda: self.backward(batch)[0])
        session.counters.next_step()
        if norm is None:
            self.recorder.scores(session.update.figures(), step=done + 1)
            return
        if session.average is not None:
            session.average.take_in(num_steps=done + 1)
        self.observer.see_weights(done + 1)
        self.examiner.see_weights()
        self.recorder.step(
            done + 1,
            loss=loss,
            norm=norm,
            hits=hits,
            size=len(batch),
            learning_rate=session.update.learning_rate(done),
        )

    def validate(self) -> None:
        """Score the validation rows, and keep the weights if they are the best so far."""
        session = self.session
        with session.as_validated():
            measured = session.evaluation(session.validation, on_slice=self.callback.on_sign)
        scores = {f"validation/{name}": score for name, score in measured.items()}
        counters = session.counters
        self.recorder.scores(scores, step=counters.step)
        session.scores = finite(scores)
        session.update.schedule.observe(scores)
        if session.monitor.observe(scores, epoch=counters.epoch, step=counters.step):
            session.best_scores = session.scores
            self.keeper.keep_best()

    def _walk_batches(self) -> Ending | None:
        """Train on the batches that are left; none are when a run goes on from a cut behind its last step."""
        session = self.session
        counters, counted_until = session.counters, time.monotonic()
        session.model.network.train()
        walk = batches(
            session.train,
            session.plan,
            seed=session.spec.seed,
            epoch=counters.epoch,
            start=counters.position,
            shuffle=session.spec.data.shuffle,
        )
        with closing(walk):  # however it is left, threads that decode ahead end with it
            for batch in walk:
                if counters.step >= session.plan.total_steps:
                    break
                self.step(batch)
                session.num_rows_seen += len(batch)
                now = time.monotonic()
                session.seconds, counted_until = session.seconds + now - counted_until, now
                if (ending := self._between_steps()) is not None:
                    return ending
        return None

    def _between_steps(self) -> Ending | None:
        """Tell where we are, ask what to do, and save if we go on and it is due.

        A step that ends the walk is saved once, by whoever ends it: saved here as well, it would be saved twice.
        """
        counters, plan = self.session.counters, self.session.plan
        step, steps = counters.step, plan.total_steps
        self.callback.on_step(Progress(step / steps, counters.epoch + 1, plan.epochs, step, steps))
        if self.recorder.is_due:
            self.recorder.flush()
        ending = Ending.MAX_TIME if self.session.seconds >= self._max_seconds else self._ordered()
        goes_on = ending is None and counters.position < plan.steps_per_epoch and step < steps
        if goes_on and self.keeper.is_due(step):
            self.keeper.save()
        return ending

    def _ordered(self) -> Ending | None:
        order = self.callback.order()
        return None if order is None else ORDERED[order]

    def _finished(self) -> Ending | None:
        """What ends the run here. Where an epoch has begun nothing does: its validation is still to come."""
        session = self.session
        if session.counters.position > 0:
            return None
        if session.counters.epoch >= session.plan.epochs:
            return Ending.EPOCHS
        if session.counters.step >= session.plan.total_steps:
            return Ending.MAX_STEPS
        if session.monitor.is_exhausted:
            return Ending.EARLY_STOPPING
        if self.examiner.has_stopped:
            return Ending.DIAGNOSIS
        return None


def _seconds(duration: str | None) -> float:
    return float("inf") if duration is None else duration_seconds(duration)
