"""Rates that follow a curve over the length of the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from models.spec import schedule as specs
from worker.training.plan import Plan

Factor = Callable[[int], float]

#: From 1 at 0 to 0 at 1.
FALLS: Mapping[str, Callable[[float], float]] = {
    "linear": lambda done: 1 - done,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "sqrt": lambda done: 1 - math.sqrt(done),
}


def cosine(spec: specs.Cosine, plan: Plan) -> Factor:
    """final + (1 - final) * (1 + cos(pi * t)) / 2, with t the share of the run after the warm-up that is done."""
    done = _done_after_warmup(spec, plan)
    return lambda step: spec.final + (1 - spec.final) * FALLS["cosine"](done(step))


def linear(spec: specs.Linear, plan: Plan) -> Factor:
    """1 - (1 - final) * t."""
    done = _done_after_warmup(spec, plan)
    return lambda step: 1 - (1 - spec.final) * done(step)


def polynomial(spec: specs.Polynomial, plan: Plan) -> Factor:
    """final + (1 - final) * (1 - t) ** power."""
    done = _done_after_warmup(spec, plan)
    return lambda step: float(spec.final + (1 - spec.final) * (1 - done(step)) ** spec.power)


def cosine_restarts(spec: specs.CosineRestarts, plan: Plan) -> Factor:
    """The cosine of the share of the current period that is done; the periods' lengths are first, first * m, ..."""
    warmup = plan.num_steps(spec.warmup)
    first = max(1, plan.num_steps(spec.period))

    def factor(step: int) -> float:
        length, since = _period(step - warmup, first=first, multiplier=spec.multiplier)
        return spec.final + (1 - spec.final) * FALLS["cosine"](since / length)

    return factor


def _period(step: int, *, first: int, multiplier: int) -> tuple[int, int]:
    """The length of the period that a step lies in, and its place there from 0."""
    if multiplier == 1:
        return first, step % first
    length = first
    while step >= length:
        step -= length
        length *= multiplier
    return length, step


def one_cycle(spec: specs.OneCycle, plan: Plan) -> Factor:
    """From `start` up to 1 over the share `rise` of the steps and down to `final`, both along half a cosine."""
    last = max(1, plan.total_steps - 1)
    peak = min(last, max(0, plan.num_steps(spec.rise) - 1))

    def factor(step: int) -> float:
        if step < peak:
            return 1 - (1 - spec.start) * FALLS["cosine"](step / peak)
        done = min(1.0, (step - peak) / max(1, last - peak))
        return spec.final + (1 - spec.final) * FALLS["cosine"](done)

    return factor


def wsd(spec: specs.Wsd, plan: Plan) -> Factor:
    """1 until the last `decay` of the run, then down to `final`."""
    falls = FALLS[spec.shape]
    length = max(1, plan.num_steps(spec.decay))
    begin = max(0, plan.total_steps - 1 - length)
    return lambda step: spec.final + (1 - spec.final) * falls(min(1.0, max(0.0, (step - begin) / length)))


def inverse_sqrt(spec: specs.InverseSqrt, plan: Plan) -> Factor:
    """sqrt(w / n) in the n-th step, where w steps are the warm-up."""
    warmup = plan.num_steps(spec.warmup)
    return lambda step: math.sqrt((warmup + 1) / (step + 1))


def _done_after_warmup(spec: specs.Schedule, plan: Plan) -> Callable[[int], float]:
    """The share of the steps after the warm-up that are done: 0 at the first, 1 at the last step of the run."""
    warmup = plan.num_steps(spec.warmup)
    length = max(1, plan.total_steps - 1 - warmup)
    return lambda step: min(1.0, (step - warmup) / length)
