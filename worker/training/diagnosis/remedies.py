"""What to do about a finding: a sentence, and a merge patch of the spec that a fork takes as it is.

A patch holds whole sections, so that it means the same whether the spec wrote them out or left them to `auto`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel

from models.spec import JobSpec
from models.spec.optimizer import Lbfgs

Patch = dict[str, Any]
#: A sentence, and a patch; None where no change of the spec is known to help.
Remedy = tuple[str, Patch | None]

_STEP: Final = 10.0
_MORE_DROPOUT: Final = 0.2
_MOST_DROPOUT: Final = 0.5


def remedy(rule: str, spec: JobSpec, variant: str) -> Remedy:
    """What to do about what a rule found in a run of this resolved spec."""
    return _REMEDIES[rule](spec, variant)


def _vanishing(spec: JobSpec, _: str) -> Remedy:
    network = spec.network
    changes: Patch = {}
    if getattr(network, "activation", "relu") in {"sigmoid", "tanh", "softplus"}:
        changes["activation"] = "relu"
    if getattr(network, "norm", None) == "none":
        changes["norm"] = "layer"
    widths = getattr(network, "hidden", ())
    if getattr(network, "skip", None) is False and any(one == other for one, other in pairwise(widths)):
        changes["skip"] = True
    if not changes:
        return "Fewer layers, or skip connections around them, bring the gradient to all of them.", None
    return "ReLU, normalization and skip connections let gradients through.", _section(network, "network", **changes)


def _exploding(spec: JobSpec, _: str) -> Remedy:
    if spec.regularization.gradient_clip is None:
        patch = {"regularization": {"gradient_clip": {"norm": 1.0}}}
        return "Clip the gradient: a long one then makes a step of bounded length.", patch
    return "Gradients are clipped already; a lower learning rate keeps to where they are short.", _rate(spec, 1 / _STEP)


def _dead(spec: JobSpec, _: str) -> Remedy:
    if getattr(spec.network, "activation", None) == "relu":
        patch = _section(spec.network, "network", activation="leaky_relu")
        return "A leaky ReLU passes some gradient everywhere, so that units can come back.", patch
    return "A lower learning rate throws fewer units out of reach.", _rate(spec, 1 / _STEP)


def _saturated(spec: JobSpec, _: str) -> Remedy:
    network = spec.network
    if getattr(network, "norm", None) == "none":
        return "Normalization keeps inputs where the curve is steep.", _section(network, "network", norm="layer")
    if getattr(network, "activation", None) in {"sigmoid", "tanh"}:
        return "ReLU does not saturate.", _section(network, "network", activation="relu")
    return "Smaller first weights keep inputs where the curve is steep.", None


def _other_rate(spec: JobSpec, variant: str) -> Remedy:
    if variant == "small":
        return "The steps are too small to get anywhere; a higher learning rate makes them larger.", _rate(spec, _STEP)
    return "The steps are too large to get anywhere; a lower learning rate makes them smaller.", _rate(spec, 1 / _STEP)


def _overfitting(spec: JobSpec, _: str) -> Remedy:
    dropout = getattr(spec.network, "dropout", None)
    if dropout is not None and dropout < _MOST_DROPOUT:
        patch = _section(spec.network, "network", dropout=min(_MOST_DROPOUT, round(dropout + _MORE_DROPOUT, 3)))
        return "More dropout, more data, augmentation or a smaller network keep it from learning rows by heart.", patch
    decay = getattr(spec.optimizer, "weight_decay", None)
    if decay is not None:
        patch = _section(spec.optimizer, "optimizer", weight_decay=_STEP * decay or 0.01)
        return "More weight decay, more data, augmentation or a smaller network help.", patch
    return "More data, augmentation or a smaller network help.", None


def _constant(spec: JobSpec, _: str) -> Remedy:
    if getattr(spec.loss, "class_weight", None) == "none":
        patch = _section(spec.loss, "loss", class_weight="balanced")
        return "Weighing rare classes more makes it costly to say nothing but the most common one.", patch
    return "A lower learning rate often keeps a network from falling back on one answer.", _rate(spec, 1 / _STEP)


def _rate(spec: JobSpec, factor: float) -> Patch | None:
    rate = spec.optimizer.learning_rate
    if rate == "auto" or isinstance(spec.optimizer, Lbfgs):
        return None
    return _section(spec.optimizer, "optimizer", learning_rate=float(f"{rate * factor:.6g}"))


def _section(section: BaseModel, name: str, **changes: Any) -> Patch:
    return {name: {**section.model_dump(mode="json"), **changes}}


_REMEDIES: Mapping[str, Callable[[JobSpec, str], Remedy]] = {
    "vanishing_gradient": _vanishing,
    "exploding_gradient": _exploding,
    "dead_units": _dead,
    "saturated_units": _saturated,
    "loss_not_decreasing": _other_rate,
    "overfitting": _overfitting,
    "update_size": _other_rate,
    "constant_output": _constant,
}
