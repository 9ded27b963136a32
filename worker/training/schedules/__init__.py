"""Learning rates by the name that the spec gives them.

All but one are pure functions of the step: nothing to save, nothing to get out of step on resume. `plateau` goes by
what is measured, and its state is part of a checkpoint. Adding one: a class in `models/spec/schedule.py`, a function
from its spec and a plan to the factor on the learning rate, an entry here, a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from models.spec import schedule as specs
from worker.training.plan import Plan
from worker.training.schedules.curves import cosine, cosine_restarts, inverse_sqrt, linear, one_cycle, polynomial, wsd
from worker.training.schedules.drops import constant, exponential, multistep, step
from worker.training.schedules.plateau import Plateau

__all__ = ["SCHEDULES", "Schedule", "build"]

SCHEDULES: Mapping[type, Callable[[Any, Plan], Callable[[int], float]]] = {
    specs.Constant: constant,
    specs.Step: step,
    specs.MultiStep: multistep,
    specs.Exponential: exponential,
    specs.Cosine: cosine,
    specs.CosineRestarts: cosine_restarts,
    specs.Linear: linear,
    specs.Polynomial: polynomial,
    specs.OneCycle: one_cycle,
    specs.Wsd: wsd,
    specs.InverseSqrt: inverse_sqrt,
    specs.Plateau: lambda spec, _plan: Plateau(spec),
}


class Schedule:
    """The factor on the learning rate of every step, counted from 0, warm-up included."""

    def __init__(self, spec: specs.AnySchedule, plan: Plan) -> None:
        self._warmup = 0 if isinstance(spec, specs.OneCycle) else plan.num_steps(spec.warmup)
        self._factor = SCHEDULES[type(spec)](spec, plan)
        self._plateau = self._factor if isinstance(self._factor, Plateau) else None

    def __call__(self, step: int) -> float:
        """The factor of a step."""
        return (step + 1) / (self._warmup + 1) if step < self._warmup else self._factor(step)

    def observe(self, scores: Mapping[str, float]) -> None:
        """Take in what was measured behind an epoch."""
        if self._plateau is not None:
            self._plateau.observe(scores)

    def state(self) -> dict[str, Any] | None:
        """What a checkpoint keeps: nothing, where the step says it all."""
        return None if self._plateau is None else self._plateau.state()

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from a checkpoint."""
        if self._plateau is not None and state is not None:
            self._plateau.restore(state)


def build(spec: specs.AnySchedule, plan: Plan) -> Schedule:
    """The schedule of a resolved spec on a plan."""
    return Schedule(spec, plan)
