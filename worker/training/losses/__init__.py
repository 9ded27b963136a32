"""What training makes small, by the name that the spec gives it.

Adding one: a class in `models/spec/loss.py`, a module and an entry here, a test. A loss maps outputs [N, num_outputs]
and targets to their mean over the rows, a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional

from models.spec import loss as specs
from worker.training.data import Signature
from worker.training.losses.classes import BinaryCrossEntropy, CrossEntropy, Focal, class_weights
from worker.training.losses.mean import Loss
from worker.training.losses.numbers import Numeric, Pinball

__all__ = ["LOSSES", "Loss", "build"]


def cross_entropy(spec: specs.CrossEntropy, signature: Signature, counts: Tensor | None) -> Loss:
    """Softmax cross-entropy."""
    weights = class_weights(spec.class_weight, signature, counts)
    return CrossEntropy(weights, label_smoothing=spec.label_smoothing)


def binary_cross_entropy(spec: specs.BinaryCrossEntropy, signature: Signature, counts: Tensor | None) -> Loss:
    """Sigmoid cross-entropy."""
    weights = class_weights(spec.class_weight, signature, counts)
    return BinaryCrossEntropy(weights, label_smoothing=spec.label_smoothing)


def focal(spec: specs.Focal, signature: Signature, counts: Tensor | None) -> Loss:
    """Focal loss."""
    weights = class_weights(spec.class_weight, signature, counts)
    return Focal(weights, gamma=spec.gamma)


def mse(_spec: specs.Mse, _signature: Signature, _counts: Tensor | None) -> Loss:
    """Mean squared error."""
    return Numeric(functional.mse_loss)


def mae(_spec: specs.Mae, _signature: Signature, _counts: Tensor | None) -> Loss:
    """Mean absolute error."""
    return Numeric(functional.l1_loss)


def huber(spec: specs.Huber, _signature: Signature, _counts: Tensor | None) -> Loss:
    """Huber's loss."""
    return Numeric(lambda outputs, targets: functional.huber_loss(outputs, targets, delta=spec.delta))


def quantile(spec: specs.Quantile, _signature: Signature, _counts: Tensor | None) -> Loss:
    """Pinball loss."""
    return Pinball(spec.levels)


LOSSES: Mapping[type, Callable[[Any, Signature, Tensor | None], Loss]] = {
    specs.CrossEntropy: cross_entropy,
    specs.BinaryCrossEntropy: binary_cross_entropy,
    specs.Focal: focal,
    specs.Mse: mse,
    specs.Mae: mae,
    specs.Huber: huber,
    specs.Quantile: quantile,
}


def build(spec: specs.Loss, signature: Signature, *, counts: Tensor | None) -> Loss:
    """The loss of a resolved spec. `counts` are the training rows of each class, None where there are no classes."""
    return LOSSES[type(spec)](spec, signature, counts)
