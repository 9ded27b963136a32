"""Forecasts without a model: tomorrow is as today, or as the same day of the last season."""

from __future__ import annotations

from torch import Tensor

from worker.training.data import Split
from worker.training.rows import Rows
from worker.training.session import Session


def last_value(session: Session, test: Rows) -> Tensor | None:
    """The last known value of the target for every row ahead, [N, horizon]."""
    past = _past(session, session.data.test)
    return None if past is None else past[:, -1:].expand_as(test.targets)


def seasonal_naive(session: Session, test: Rows) -> Tensor | None:
    """The value one season ago, [N, horizon]. The season is the lag that came closest on the training rows."""
    known, past = _past(session, session.data.train), _past(session, session.data.test)
    if known is None or past is None:
        return None
    horizon, window = test.targets.shape[1], past.shape[1]
    lags = range(max(2, horizon), window + 1)
    if not lags:
        return None
    errors = {lag: float((_ago(known, lag, horizon) - session.train.targets).abs().mean()) for lag in lags}
    return _ago(past, min(errors, key=lambda lag: errors[lag]), horizon)


def _ago(past: Tensor, lag: int, horizon: int) -> Tensor:
    """The values `lag` rows before each of the rows ahead."""
    start = past.shape[1] - lag
    return past[:, start : start + horizon]


def _past(session: Session, split: Split) -> Tensor | None:
    """The target's own past in standardised units, [N, window]; None where the network does not see it."""
    columns = session.data.recipe["encoding"]["columns"]
    if session.spec.data.target not in columns:
        return None
    signature = session.data.signature
    raw = split.inputs["series"][:, :, columns.index(session.spec.data.target)]
    return ((raw - (signature.target_mean or 0.0)) / (signature.target_std or 1.0)).nan_to_num(0.0)
