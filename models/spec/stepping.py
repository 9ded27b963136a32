"""What has to fit together in a step: the optimizer, the size of a batch, and the bound on the gradient."""

from __future__ import annotations

import math
from typing import Literal

from models.spec.job import JobSpec
from models.spec.mistakes import misfit
from models.spec.network.resolving import has_batch_norm
from models.spec.optimizer import Lbfgs
from models.spec.regularization import Regularization


def resolved_batch_size(spec: JobSpec, *, num_train: int) -> int | Literal["full"]:
    """About fifty steps per epoch, as a power of two between 32 and 1024; every row for L-BFGS."""
    size = spec.training.batch_size
    if isinstance(spec.optimizer, Lbfgs):
        if size not in ("auto", "full"):
            raise misfit("#/training/batch_size", "must be full for lbfgs: it learns the curvature of one function")
        return "full"
    if size != "auto":
        return size
    return min(1024, max(32, 2 ** round(math.log2(max(num_train, 1) / 50))))


def check_step(spec: JobSpec) -> None:
    """Raise InvalidSpec for what cannot be done in one step: batch norm of single rows, half of a step of L-BFGS."""
    if spec.training.micro_batch_size == 1 and has_batch_norm(spec.network):
        raise misfit("#/training/micro_batch_size", "must be 2 or more for batch norm: one row has no deviation")
    if isinstance(spec.optimizer, Lbfgs) and spec.training.precision == "fp16":
        raise misfit("#/training/precision", "cannot be fp16 for lbfgs: it cannot skip a step that overflows")


def resolved_regularization(spec: JobSpec) -> Regularization:
    """The same, but without the usual bound on the gradient for L-BFGS, which measures curvature by gradients."""
    asked = spec.regularization
    if not isinstance(spec.optimizer, Lbfgs) or asked.gradient_clip is None:
        return asked
    if "gradient_clip" in asked.model_fields_set:
        raise misfit("#/regularization/gradient_clip", "must be null for lbfgs: it measures curvature by gradients")
    return asked.model_copy(update={"gradient_clip": None})
