"""Predictors that do not look at the row at all."""

from __future__ import annotations

import torch
from torch import Tensor

from worker.training.rows import Rows
from worker.training.session import Session


def majority(session: Session, test: Rows) -> Tensor:
    """The most frequent class of the training rows, and class frequencies as probabilities; logits [N, classes]."""
    num_classes = session.data.signature.num_outputs
    counts = torch.bincount(session.train.targets, minlength=num_classes).float()
    return (counts / counts.sum()).clamp(min=1e-12).log().expand(len(test), num_classes)


def mean(session: Session, test: Rows) -> Tensor:
    """The mean of the training targets, [N, outputs]."""
    return session.train.targets.mean(0, keepdim=True).expand_as(test.targets)
