"""Losses of logits [N, classes] against class numbers int64 [N]."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from models.errors import InvalidData
from worker.training.data import Signature
from worker.training.losses.mean import Loss


class CrossEntropy(Loss):
    """Negative log-likelihood under a softmax; smoothing gives a share of the target to all classes alike."""

    def __init__(self, weights: Tensor | None, *, label_smoothing: float) -> None:
        super().__init__(weights)
        self.label_smoothing = label_smoothing

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over the rows."""
        smoothing = self.label_smoothing
        return functional.cross_entropy(outputs, targets, weight=self.class_weights, label_smoothing=smoothing)


class BinaryCrossEntropy(Loss):
    """Negative log-likelihood under sigmoids.

    Two classes are one yes or no, whose logit is the second output less the first. More are as many questions "is it
    this one?", answered each by itself and averaged (Wightman et al. 2021). Smoothing draws answers towards one half.
    """

    def __init__(self, weights: Tensor | None, *, label_smoothing: float) -> None:
        super().__init__(weights)
        self.label_smoothing = label_smoothing

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over the rows."""
        if outputs.shape[1] == 2:
            logits, answers = outputs[:, 1:] - outputs[:, :1], targets[:, None].to(outputs.dtype)
        else:
            logits, answers = outputs, functional.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
        answers = answers * (1 - self.label_smoothing) + self.label_smoothing / 2
        each = functional.binary_cross_entropy_with_logits(logits, answers, reduction="none")
        return self.mean(each.mean(1), targets)


class Focal(Loss):
    """Cross-entropy times (1 - p) ** gamma, where p is the probability of the true class (Lin et al. 2017)."""

    def __init__(self, weights: Tensor | None, *, gamma: float) -> None:
        super().__init__(weights)
        self.gamma = gamma

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over the rows."""
        surprise = functional.cross_entropy(outputs, targets, reduction="none")
        # The gradient of 0 ** gamma is infinite for a gamma below 1, and a sure row would turn it into NaN.
        doubt = (-torch.expm1(-surprise)).clamp(min=torch.finfo(surprise.dtype).tiny)
        return self.mean(doubt**self.gamma * surprise, targets)


def class_weights(asked: str | Mapping[str, float], signature: Signature, counts: Tensor | None) -> Tensor | None:
    """One weight per class, float32 [classes]: n / (classes * count) when balanced, so that all weigh the same in sum.

    Raises InvalidData for the name of a class that is not there.
    """
    if asked == "none":
        return None
    if counts is None or signature.classes is None:
        raise ValueError("class weights need classes")
    if isinstance(asked, str):
        return counts.sum() / (len(signature.classes) * counts.clamp(min=1).float())
    if unknown := sorted(set(asked) - set(signature.classes)):
        known = ", ".join(signature.classes)
        raise InvalidData(f"class_weight names {unknown[0]!r}, which is no class; these are: {known}")
    return torch.tensor([asked.get(name, 1.0) for name in signature.classes], device=counts.device)
