"""What training makes small, by the name that the spec gives it.

Adding one: a class in `models/spec/loss.py`, a module and an entry here, a test. A loss maps outputs [N, num_outputs]
and targets to their mean over the rows, a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.errors import InvalidData
from models.spec import loss as specs
from worker.training.data import Signature


class Loss(nn.Module):
    """A mean over rows, each of which weighs as much as its class."""

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights)

    def weight_of(self, targets: Tensor) -> Tensor | float:
        """The sum of the weights of rows with these targets: what the mean over them divides by."""
        return float(len(targets)) if self.class_weights is None else self.class_weights[targets].sum()


class CrossEntropy(Loss):
    """Softmax cross-entropy of logits [N, classes] and class numbers int64 [N]."""

    def __init__(self, class_weights: Tensor | None, *, label_smoothing: float) -> None:
        super().__init__(class_weights)
        self.label_smoothing = label_smoothing

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over the rows, by the weights of their classes."""
        return functional.cross_entropy(
            outputs, targets, weight=self.class_weights, label_smoothing=self.label_smoothing
        )


class Numeric(Loss):
    """A loss of values [N, num_outputs] and targets of the same shape, entry by entry."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over all entries."""
        return self.function(outputs, targets)


def cross_entropy(spec: specs.CrossEntropy, signature: Signature, counts: Tensor | None) -> Loss:
    """Softmax cross-entropy."""
    return CrossEntropy(_class_weights(spec, signature, counts), label_smoothing=spec.label_smoothing)


def mse(_spec: specs.Mse, _signature: Signature, _counts: Tensor | None) -> Loss:
    """Mean squared error."""
    return Numeric(functional.mse_loss)


def mae(_spec: specs.Mae, _signature: Signature, _counts: Tensor | None) -> Loss:
    """Mean absolute error."""
    return Numeric(functional.l1_loss)


def huber(spec: specs.Huber, _signature: Signature, _counts: Tensor | None) -> Loss:
    """Huber's loss."""
    return Numeric(lambda outputs, targets: functional.huber_loss(outputs, targets, delta=spec.delta))


LOSSES: Mapping[type, Callable[[Any, Signature, Tensor | None], Loss]] = {
    specs.CrossEntropy: cross_entropy,
    specs.Mse: mse,
    specs.Mae: mae,
    specs.Huber: huber,
}


def build(spec: specs.Loss, signature: Signature, *, counts: Tensor | None) -> Loss:
    """The loss of a resolved spec. `counts` are the training rows of each class, None where there are no classes."""
    return LOSSES[type(spec)](spec, signature, counts)


def _class_weights(spec: specs.CrossEntropy, signature: Signature, counts: Tensor | None) -> Tensor | None:
    """One weight per class: n / (classes * count) when balanced, so that every class weighs the same in sum."""
    if spec.class_weight == "none":
        return None
    if counts is None or signature.classes is None:
        raise ValueError("class weights need classes")
    if spec.class_weight == "balanced":
        return counts.sum() / (len(signature.classes) * counts.clamp(min=1).float())
    if unknown := sorted(set(spec.class_weight) - set(signature.classes)):
        known = ", ".join(signature.classes)
        raise InvalidData(f"class_weight names {unknown[0]!r}, which is no class; these are: {known}")
    return torch.tensor([spec.class_weight.get(name, 1.0) for name in signature.classes], device=counts.device)
