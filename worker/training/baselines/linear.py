"""Linear predictors: the ceiling of what can be had without a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.training.baselines.features import MAX_COLUMNS, evenly_spaced, matrix, num_columns, readable
from worker.training.rows import Rows
from worker.training.session import Session

ITERATIONS = 50
DECAY = 1e-3


def logistic(session: Session, test: Rows) -> Tensor | None:
    """Multinomial logistic regression; logits [N, classes], or None for a text alone and for too many columns."""
    if session.data.signature.kind == "text" or num_columns(test, session.model) > MAX_COLUMNS:
        return None
    train = evenly_spaced(session.train)
    inputs = matrix(train, session.model)
    weights = fit_logistic(inputs, train.targets, num_classes=session.data.signature.num_outputs)
    return matrix(test, session.model) @ weights


def fit_logistic(inputs: Tensor, targets: Tensor, *, num_classes: int) -> Tensor:
    """Weights [columns, classes] that make cross-entropy with a small ridge least, by L-BFGS (Liu and Nocedal 1989)."""
    weights = torch.zeros(inputs.shape[1], num_classes, device=inputs.device, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights], max_iter=ITERATIONS, tolerance_grad=1e-4, tolerance_change=1e-6, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(inputs @ weights, targets) + DECAY / 2 * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach()


def ridge(session: Session, test: Rows) -> Tensor | None:
    """Least squares with a small ridge; [N, outputs], or None for a text alone and for too many columns."""
    test = readable(test, session.data.test)
    if session.data.signature.kind == "text" or num_columns(test, session.model) > MAX_COLUMNS:
        return None
    train = evenly_spaced(readable(session.train, session.data.train))
    inputs = matrix(train, session.model).double()
    gram = inputs.T @ inputs
    gram.diagonal().add_(DECAY * len(inputs))
    weights: Tensor = torch.linalg.solve(gram, inputs.T @ train.targets.double())
    return (matrix(test, session.model).double() @ weights).float()
