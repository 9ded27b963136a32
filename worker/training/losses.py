"""What training makes small, by the name that the spec gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import InvalidData
from models.spec import loss as specs
from worker.training.data import Signature


def cross_entropy(spec: specs.CrossEntropy, signature: Signature, counts: Tensor | None) -> nn.Module:
    """Softmax cross-entropy of logits [N, classes] and class numbers [N], averaged by the weights of the classes."""
    return nn.CrossEntropyLoss(_class_weights(spec, signature, counts), label_smoothing=spec.label_smoothing)


def mse(_spec: specs.Mse, _signature: Signature, _counts: Tensor | None) -> nn.Module:
    """Mean squared error."""
    return nn.MSELoss()


def mae(_spec: specs.Mae, _signature: Signature, _counts: Tensor | None) -> nn.Module:
    """Mean absolute error."""
    return nn.L1Loss()


def huber(spec: specs.Huber, _signature: Signature, _counts: Tensor | None) -> nn.Module:
    """Huber's loss."""
    return nn.HuberLoss(delta=spec.delta)


LOSSES: Mapping[type, Callable[[Any, Signature, Tensor | None], nn.Module]] = {
    specs.CrossEntropy: cross_entropy,
    specs.Mse: mse,
    specs.Mae: mae,
    specs.Huber: huber,
}


def build(spec: specs.Loss, signature: Signature, *, counts: Tensor | None) -> nn.Module:
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
