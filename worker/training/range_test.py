"""`learning_rate: "auto"`: the learning-rate range test (Smith 2017, arXiv 1506.01186).

From the initial weights a few steps are taken on the training rows at rates that rise from step to step. The loss falls
while they are good and grows when they are too large; the rate is a tenth of the one at which it was least. Then the
initial weights are put back. Everything is drawn by seed and step, so the answer is the same every time.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from models.spec import JobSpec, document
from worker.training import fingerprints
from worker.training.backward import Backward
from worker.training.callbacks import Callback, Order
from worker.training.checkpoint import Snapshot
from worker.training.checkpoint.reading import read_manifest
from worker.training.checkpoint.writing import STATE, standing
from worker.training.errors import CheckpointRefused, Diverged
from worker.training.plan import Counters
from worker.training.rows import Rows, batches
from worker.training.session import Session
from worker.training.update import Update

LOWEST: Final = 1e-6
HIGHEST: Final = 10.0
MOST_STEPS: Final = 100
FEWEST_STEPS: Final = 30
#: Share of the smoothed loss that is kept from step to step.
SMOOTHING: Final = 0.9
#: The test ends once the smoothed loss is this many times its least.
BLOWN_UP: Final = 4.0
BELOW_THE_BEST: Final = 10.0


def find_rate(session: Session, callback: Callback) -> float:
    """A learning rate for a session at its first step, to three digits; the session is left as it was.

    Where no rate makes the loss smaller it is the usual one of the optimizer.
    """
    before = {name: tensor.detach().clone() for name, tensor in session.model.state_dict().items()}
    num_steps = min(MOST_STEPS, max(FEWEST_STEPS, session.plan.total_steps))
    rates = [LOWEST * (HIGHEST / LOWEST) ** (step / (num_steps - 1)) for step in range(num_steps)]
    update = Update(session.spec, session.model, session.plan, rates=rates.__getitem__)
    probe = replace(session, update=update, counters=Counters())
    losses = []
    with closing(_walk(probe, callback, num_steps=num_steps)) as walk:
        for loss in walk:
            losses.append(loss)
            if _has_blown_up(losses):
                break
    session.model.load_state_dict(before)
    update.forget()
    best = _best(losses)
    return usual_rate(session.spec) if best is None else float(f"{rates[best] / BELOW_THE_BEST:.3g}")


def _walk(probe: Session, callback: Callback, *, num_steps: int) -> Generator[float]:
    """The loss of one step after the other, until one is not finite or somebody has no use for the answer."""
    backward = Backward(probe, callback)
    probe.model.network.train()
    with closing(_endless(probe)) as walk:
        for batch in itertools.islice(walk, num_steps):
            if callback.order() in (Order.CANCEL, Order.STOP):
                return
            callback.on_sign()
            loss, _ = backward(batch)
            value = float(loss)
            if not math.isfinite(value):
                return
            yield value
            try:
                probe.update(step=probe.counters.step)
            except Diverged:
                return
            probe.counters.next_step()


def _endless(session: Session) -> Generator[Rows]:
    spec = session.spec
    for epoch in itertools.count():
        yield from batches(session.train, session.plan, seed=spec.seed, epoch=epoch, start=0, shuffle=spec.data.shuffle)


def smoothed(losses: list[float]) -> list[float]:
    """Running means of the losses, corrected for their beginning at nothing."""
    mean, found = 0.0, []
    for number, loss in enumerate(losses, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        found.append(mean / (1 - SMOOTHING**number))
    return found


def _has_blown_up(losses: list[float]) -> bool:
    means = smoothed(losses)
    return means[-1] > BLOWN_UP * min(means)


def _best(losses: list[float]) -> int | None:
    """The step with the least smoothed loss, None where it is the first."""
    means = smoothed(losses)
    best = min(range(len(means)), key=means.__getitem__, default=0)
    return best or None


def usual_rate(spec: JobSpec) -> float:
    """The learning rate that the optimizer of a spec has by default."""
    return float(type(spec.optimizer)().learning_rate)


def at_rate(spec: JobSpec, rate: float) -> JobSpec:
    """The spec with this learning rate."""
    return spec.model_copy(update={"optimizer": spec.optimizer.model_copy(update={"learning_rate": rate})})


def with_rate(session: Session, rate: float) -> Session:
    """A session at its first step, to be trained at this rate."""
    spec = at_rate(session.spec, rate)
    unchanging = {**session.unchanging, "spec": document(spec)}
    return replace(session, spec=spec, update=Update(spec, session.model, session.plan), unchanging=unchanging)


def known_rate(spec: JobSpec, checkpoint: Path | Snapshot) -> float | None:
    """The rate that was found when the run began that a checkpoint is of; None where it is of another."""
    try:
        facts, state = _described(checkpoint)
        rate = float(state["spec"]["optimizer"]["learning_rate"])
    except (CheckpointRefused, OSError, ValueError, KeyError, TypeError):
        return None
    return rate if facts.get("spec_sha256") == fingerprints.of_spec(at_rate(spec, rate)) else None


def _described(checkpoint: Path | Snapshot) -> tuple[dict[str, Any], dict[str, Any]]:
    if isinstance(checkpoint, Snapshot):
        return dict(checkpoint.facts), dict(checkpoint.state)
    path = standing(checkpoint)
    return read_manifest(path), json.loads((path / STATE).read_bytes())
