"""Gradient-boosted trees: what a network for tables has to hold its own against (Friedman 2001; Ke et al. 2017)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from worker.training.baselines.features import evenly_spaced
from worker.training.rows import Rows
from worker.training.session import Session

MAX_ROWS = 50_000
#: Trees in all; every class has its own in every round.
MAX_TREES = 300
ROUNDS = 100
ROUNDS_AT_A_TIME = 25
#: No further rounds are boosted after this long.
MAX_SECONDS = 20.0
#: More codes than this scikit-learn does not take as kinds; they count as numbers then.
MAX_KINDS = 255


def boosted_trees(session: Session, test: Rows) -> Tensor | None:
    """scikit-learn's histogram gradient boosting on the raw columns; None where the data is no table.

    It reads missing numbers as they are and categories as kinds. The work is bounded in rows, trees and seconds, and
    done by one thread: threads that wait for each other at every split are slow where processors are shared.
    """
    signature = session.data.signature
    if signature.kind != "table" or signature.num_outputs > MAX_TREES:
        return None
    train = evenly_spaced(Rows(session.data.train.inputs, session.data.train.targets, is_ready=False), most=MAX_ROWS)
    targets = train.targets.cpu().numpy().reshape(len(train))
    with threadpool_limits(1, user_api="openmp"):
        trees = _boosted(session, columns(train), targets)
        answers = _answers(trees, columns(Rows(session.data.test.inputs, test.targets, is_ready=False)), session)
    return torch.from_numpy(answers.astype(np.float32)).to(test.targets.device)


def columns(rows: Rows) -> npt.NDArray[np.float32]:
    """Raw numbers with NaN for missing, then codes of categories, [N, F + K]."""
    parts = [rows.inputs[name].float() for name in ("numbers", "categories") if name in rows.inputs]
    matrix: npt.NDArray[np.float32] = torch.cat(parts, dim=1).cpu().numpy()
    return matrix


def _boosted(session: Session, inputs: npt.NDArray[np.float32], targets: npt.NDArray[Any]) -> Any:
    """Trees on standardised targets or classes, round by round until they are enough or time is up."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    classes = session.data.signature.classes
    each_round = 1 if classes is None or len(classes) == 2 else len(classes)
    rounds = max(1, min(ROUNDS, MAX_TREES // each_round))
    numbers = session.data.train.inputs.get("numbers")
    first_kind = 0 if numbers is None else numbers.shape[1]
    kinds = [place for place in range(first_kind, inputs.shape[1]) if inputs[:, place].max() < MAX_KINDS]
    chosen = HistGradientBoostingRegressor if classes is None else HistGradientBoostingClassifier
    trees = chosen(
        categorical_features=kinds, early_stopping=False, warm_start=True, random_state=session.spec.seed % 2**32
    )
    until = time.monotonic() + MAX_SECONDS
    for done in range(0, rounds, ROUNDS_AT_A_TIME):
        trees.max_iter = min(rounds, done + ROUNDS_AT_A_TIME)
        trees.fit(inputs, targets)
        if time.monotonic() > until:
            break
    return trees


def _answers(trees: Any, inputs: npt.NDArray[np.float32], session: Session) -> npt.NDArray[np.float64]:
    """Logits [N, classes], the least possible for a class without training rows, or standardised values [N, 1]."""
    if session.data.signature.classes is None:
        values: npt.NDArray[np.float64] = trees.predict(inputs)[:, None]
        return values
    logits = np.full((len(inputs), session.data.signature.num_outputs), np.log(1e-12))
    logits[:, trees.classes_] = np.log(np.maximum(trees.predict_proba(inputs), 1e-12))
    return logits
