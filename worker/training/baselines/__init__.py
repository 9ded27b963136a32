"""Simple predictors on the very split that the network is tested on: what it has to beat to be worth its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from worker.training.baselines.constant import majority, mean
from worker.training.baselines.linear import logistic, ridge
from worker.training.baselines.naive import last_value, seasonal_naive
from worker.training.recorder import finite
from worker.training.rows import Rows
from worker.training.session import Session

__all__ = ["BASELINES", "score"]

#: Name to the function that fits on a session's training rows and answers for test rows as a network would: logits for
#: classes, standardised values otherwise.
BASELINES: Mapping[str, Mapping[str, Callable[[Session, Rows], Tensor | None]]] = {
    "classification": {"majority": majority, "logistic_regression": logistic},
    "regression": {"mean": mean, "linear_regression": ridge},
    "forecasting": {"last_value": last_value, "seasonal_naive": seasonal_naive, "linear_autoregression": ridge},
}


def score(session: Session, test: Rows) -> list[dict[str, Any]]:
    """The test scores of every baseline that fits the task and the data."""
    fitting = BASELINES[session.data.signature.task]
    answers = {name: predict(session, test) for name, predict in fitting.items()}
    return [
        {"name": name, "test": finite(session.evaluation.scores(outputs, test.targets))}
        for name, outputs in answers.items()
        if outputs is not None
    ]
