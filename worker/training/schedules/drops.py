"""Rates that fall by a factor now and then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

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
