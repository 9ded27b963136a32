"""The rules: from what was seen to evidence, or to nothing.

The kinds of trouble are those of SageMaker Debugger's published rules (vanishing gradient, dead ReLU, saturated
activation, loss not decreasing, overfit, weight update ratio); where those compare with a constant, these compare
layers and epochs of one run with each other, because the size of a gradient depends on loss and data.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.spec import JobSpec
from worker.training.diagnosis.figures import Answers, Layer, Look, Units, finite_losses

FEWEST_LAYERS: Final = 3
SMALLEST_SHARE_OF_GRADIENT: Final = 1e-4
LONGEST_GRADIENT: Final = 1e3
LARGEST_SPIKE: Final = 1e3
SHORTEST_SPIKE: Final = 10.0
MOST_DEAD: Final = 0.5
MOST_SATURATED: Final = 0.5
LOOKS_TO_LEARN: Final = 4
SMALLEST_FALL: Final = 0.01
LOOKS_TO_OVERFIT: Final = 3
LARGEST_RISE: Final = 0.1
#: What counts as a rise at all, as a share of where the validation loss began: the rest is noise.
SMALLEST_RISE: Final = 0.02
LARGEST_UPDATE: Final = 0.5
SMALLEST_UPDATE: Final = 1e-8
#: Behind this share of a run schedules make steps small on purpose.
SHARE_WITH_FULL_STEPS: Final = 0.8
LOOKS_TO_DIFFER: Final = 3
SMALLEST_SPREAD: Final = 0.01


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules judge: the looks so far, and the network as it is at the last one.

    `begins_good`: the network began with weights, or an answer, that training may hardly be able to better.
    """

    spec: JobSpec
    looks: Sequence[Look]
    layers: Sequence[Layer]
    units: Sequence[Units]
    answers: Answers | None
    fraction: float
    begins_good: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a rule has seen: a sentence, and the figures behind it. `variant` tells remedies apart."""

    message: str
    figures: Mapping[str, Any]
    variant: str = ""


def vanishing_gradient(case: Case) -> Evidence | None:
    """A layer whose gradient is next to nothing beside that of another one (Glorot and Bengio 2010)."""
    if len(case.layers) < FEWEST_LAYERS:
        return None
    smallest = min(case.layers, key=lambda layer: layer.gradient)
    largest = max(case.layers, key=lambda layer: layer.gradient)
    if smallest.gradient >= SMALLEST_SHARE_OF_GRADIENT * largest.gradient:
        return None
    return Evidence(
        f"The gradient of {smallest.name} is {smallest.gradient:.1e}, that of {largest.name} {largest.gradient:.1e}: "
        "the layers far from the loss learn nothing.",
        {"gradients": {layer.name: layer.gradient for layer in case.layers}},
    )


def exploding_gradient(case: Case) -> Evidence | None:
    """Gradients that are very long, or suddenly much longer than they were (Pascanu et al. 2013)."""
    look = case.looks[-1]
    figures = {"typical_norm": look.gradient_norm, "largest_norm": look.largest_gradient_norm}
    if look.gradient_norm > LONGEST_GRADIENT:
        return Evidence(f"The gradient is typically {look.gradient_norm:.0f} long.", figures)
    if look.largest_gradient_norm > max(SHORTEST_SPIKE, LARGEST_SPIKE * look.gradient_norm):
        message = (
            f"A gradient was {look.largest_gradient_norm:.3g} long, where they typically are {look.gradient_norm:.3g}."
        )
        return Evidence(message, figures)
    return None


def dead_units(case: Case) -> Evidence | None:
    """ReLU units that no row switches on any more: no gradient reaches them, so they stay dead (Maas et al. 2013)."""
    dead = {units.name: units.dead for units in case.units if units.dead > MOST_DEAD}
    if not dead:
        return None
    worst = max(dead, key=dead.__getitem__)
    return Evidence(f"{dead[worst]:.0%} of the units of {worst} answer 0 to nearly every row.", {"dead": dead})


def saturated_units(case: Case) -> Evidence | None:
    """Tanh or sigmoid answers where the curve is flat and passes no gradient (Glorot and Bengio 2010)."""
    flat = {units.name: units.saturated for units in case.units if units.saturated > MOST_SATURATED}
    if not flat:
        return None
    worst = max(flat, key=flat.__getitem__)
    return Evidence(f"{flat[worst]:.0%} of the answers of {worst} lie where it is flat.", {"saturated": flat})


def loss_not_decreasing(case: Case) -> Evidence | None:
    """A training loss that is where it began."""
    if len(case.looks) < LOOKS_TO_LEARN or case.begins_good:
        return None
    first, last = case.looks[0].train_loss, case.looks[-1].train_loss
    if last < first - SMALLEST_FALL * abs(first):
        return None
    epoch = case.looks[-1].epoch
    message = f"The training loss was {first:.4g} in the beginning and is {last:.4g} after {epoch} epochs."
    variant = "small" if _typical_update(case) < SMALLEST_UPDATE * 1e3 else "large"
    return Evidence(message, {"first": first, "last": last}, variant=variant)


def overfitting(case: Case) -> Evidence | None:
    """A validation loss that rises while the training loss falls."""
    losses = finite_losses(case.looks)
    if len(losses) <= LOOKS_TO_OVERFIT or len(losses) != len(case.looks):
        return None
    best = min(range(len(losses)), key=losses.__getitem__)
    recent = losses[-LOOKS_TO_OVERFIT:]
    bound = losses[best] + max(LARGEST_RISE * abs(losses[best]), SMALLEST_RISE * abs(losses[0]))
    rises = best < len(losses) - LOOKS_TO_OVERFIT and min(recent) > bound
    if not rises or case.looks[-1].train_loss >= case.looks[best].train_loss:
        return None
    return Evidence(
        f"The validation loss was {losses[best]:.4g} after epoch {case.looks[best].epoch} and is {recent[-1]:.4g} now, "
        "while the training loss fell.",
        {"best_validation_loss": losses[best], "validation_loss": recent[-1], "best_epoch": case.looks[best].epoch},
    )


def update_size(case: Case) -> Evidence | None:
    """Steps out of proportion to the weights: about a thousandth is usual."""
    if case.fraction > SHARE_WITH_FULL_STEPS or not case.layers:
        return None
    typical = _typical_update(case)
    figures = {"update_to_weight": {layer.name: _share(layer) for layer in case.layers}}
    if typical > LARGEST_UPDATE:
        return Evidence(f"A step changes half of the layers by {typical:.0%} of their size.", figures, variant="large")
    if typical < SMALLEST_UPDATE:
        message = f"A step changes half of the layers by {typical:.1e} of their size: they hardly move."
        return Evidence(message, figures, variant="small")
    return None


def constant_output(case: Case) -> Evidence | None:
    """The same answer to every row."""
    answers = case.answers
    if answers is None or len(case.looks) < LOOKS_TO_DIFFER:
        return None
    figures = {"said": answers.said, "true": answers.true}
    if answers.is_classes and answers.said == 1 and answers.true > 1:
        return Evidence("Every row is given the same class.", figures)
    if not answers.is_classes and answers.said < SMALLEST_SPREAD * answers.true:
        return Evidence("Every row is given very nearly the same number.", figures)
    return None


def _share(layer: Layer) -> float:
    """What a step changed a weight by, of its size; a weight that is 0 has none to speak of."""
    return layer.update / layer.weight if layer.weight else 0.0


def _typical_update(case: Case) -> float:
    return statistics.median(_share(layer) for layer in case.layers) if case.layers else math.inf


@dataclass(frozen=True, slots=True)
class Rule:
    """How a rule judges, and how bad it is when it does."""

    judge: Callable[[Case], Evidence | None]
    severity: str


RULES: Mapping[str, Rule] = {
    "vanishing_gradient": Rule(vanishing_gradient, "warning"),
    "exploding_gradient": Rule(exploding_gradient, "warning"),
    "dead_units": Rule(dead_units, "warning"),
    "saturated_units": Rule(saturated_units, "warning"),
    "loss_not_decreasing": Rule(loss_not_decreasing, "critical"),
    "overfitting": Rule(overfitting, "warning"),
    "update_size": Rule(update_size, "info"),
    "constant_output": Rule(constant_output, "critical"),
}
