"""Learning rates as pure functions of the step: nothing to save, nothing to get out of step on resume.

Each function maps a spec and a plan to the factor on the learning rate; `build` puts the warm-up before it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any

from models.spec import schedule as specs
from worker.training.plan import Plan

Factor = Callable[[int], float]


def constant(_spec: specs.Constant, _plan: Plan) -> Factor:
    """The rate stays as it is."""
    return lambda _step: 1.0


def step(spec: specs.Step, plan: Plan) -> Factor:
    """gamma ** floor(step / every)."""
    every = max(1, plan.num_steps(spec.every))
    return lambda step: float(spec.gamma ** (step // every))


def multistep(spec: specs.MultiStep, plan: Plan) -> Factor:
    """gamma ** (number of milestones reached)."""
    milestones = sorted(plan.num_steps(milestone) for milestone in spec.milestones)
    return lambda step: float(spec.gamma ** bisect_right(milestones, step))


def exponential(spec: specs.Exponential, plan: Plan) -> Factor:
    """gamma ** (step / every)."""
    every = max(1, plan.num_steps(spec.every))
    return lambda step: float(spec.gamma ** (step / every))


def cosine(spec: specs.Cosine, plan: Plan) -> Factor:
    """final + (1 - final) * (1 + cos(pi * t)) / 2, with t the share of the run after the warm-up that is done."""
    done = _done_after_warmup(spec, plan)
    return lambda step: spec.final + (1 - spec.final) * (1 + math.cos(math.pi * done(step))) / 2


def linear(spec: specs.Linear, plan: Plan) -> Factor:
    """1 - (1 - final) * t."""
    done = _done_after_warmup(spec, plan)
    return lambda step: 1 - (1 - spec.final) * done(step)


def polynomial(spec: specs.Polynomial, plan: Plan) -> Factor:
    """final + (1 - final) * (1 - t) ** power."""
    done = _done_after_warmup(spec, plan)
    return lambda step: float(spec.final + (1 - spec.final) * (1 - done(step)) ** spec.power)


SCHEDULES: Mapping[type[specs.Schedule], Callable[[Any, Plan], Factor]] = {
    specs.Constant: constant,
    specs.Step: step,
    specs.MultiStep: multistep,
    specs.Exponential: exponential,
    specs.Cosine: cosine,
    specs.Linear: linear,
    specs.Polynomial: polynomial,
}


def build(spec: specs.Schedule, plan: Plan) -> Factor:
    """The factor on the learning rate of every step, counted from 0, warm-up included."""
    warmup = plan.num_steps(spec.warmup)
    factor = SCHEDULES[type(spec)](spec, plan)
    return lambda step: (step + 1) / (warmup + 1) if step < warmup else factor(step)


def _done_after_warmup(spec: specs.Schedule, plan: Plan) -> Callable[[int], float]:
    """The share of the steps after the warm-up that are done: 0 at the first, 1 at the last step of the run."""
    warmup = plan.num_steps(spec.warmup)
    length = max(1, plan.total_steps - 1 - warmup)
    return lambda step: min(1.0, (step - warmup) / length)
