"""Simple predictors on the very split that the network is tested on: what it has to beat to be worth its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

from worker.training.baselines.bags import bag_of_words
from worker.training.baselines.constant import majority, mean
from worker.training.baselines.linear import logistic, ridge
from worker.training.baselines.memory import Memory
from worker.training.baselines.naive import last_value, seasonal_naive
from worker.training.baselines.trees import boosted_trees
from worker.training.rows import Rows
from worker.training.session import Session

__all__ = ["BASELINES", "Memory", "answers"]

#: Name to the function that fits on a session's training rows and answers for test rows as a network would: logits for
#: classes, standardised values otherwise.
BASELINES: Mapping[str, Mapping[str, Callable[[Session, Rows], Tensor | None]]] = {
    "classification": {
        "majority": majority,
        "logistic_regression": logistic,
        "boosted_trees": boosted_trees,
        "bag_of_words": bag_of_words,
    },
    "regression": {
        "mean": mean,
        "linear_regression": ridge,
        "boosted_trees": boosted_trees,
        "bag_of_words": bag_of_words,
    },
    "forecasting": {"last_value": last_value, "seasonal_naive": seasonal_naive, "linear_autoregression": ridge},
}


def answers(session: Session, test: Rows, *, memory: Memory | None = None) -> Iterator[tuple[str, Tensor]]:
    """Name and outputs on the test rows of every baseline that fits the task and the data, one after the other."""
    known = None if memory is None else memory.recall(device=test.targets.device)
    if known is not None:
        yield from known
        return
    answered = []
    for name, predict in BASELINES[session.data.signature.task].items():
        if (outputs := predict(session, test)) is not None:
            answered.append((name, outputs))
            yield name, outputs
    if memory is not None:
        memory.keep(answered)
