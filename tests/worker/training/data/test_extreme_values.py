"""Numbers at the edges of single precision: what it cannot hold is missing, and what it cannot tell apart is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.errors import InvalidData
from worker.training.data import restore

WORDS = ["a", "b"] * 20
NUMBERS = np.random.default_rng(0).normal(size=40)


def ready(data):
    """The numbers of the training rows as the network reads them, [N, F]."""
    return data.preprocessing(dict(data.train.inputs))["numbers"]


def test_whole_numbers_that_no_float_holds_exactly_are_read_all_the_same(prepared):
    data = prepared({"x": [2**62 + 2**50 * row for row in range(40)], "y": WORDS}, data={"target": "y"})

    values = ready(data)[:, 0]
    assert values.std(correction=0).item() == pytest.approx(1, rel=1e-3)
    assert data.report["warnings"] == []


def test_a_number_beyond_single_precision_is_missing_before_anything_is_measured(prepared):
    columns = {"x": [1e300, *range(39)], "y": WORDS}

    data = prepared(columns, data={"target": "y", "split": "time"})

    assert data.report["filled"] == {"x": 1}
    assert torch.isfinite(ready(data)).all()
    assert ready(data)[0, 0] == ready(data)[14:15, 0]  # the median of 0 to 26


def test_a_column_of_tiny_numbers_does_not_explode(prepared):
    data = prepared({"x": [1e-40 * row for row in range(40)], "y": WORDS}, data={"target": "y"})

    assert ready(data).abs().max() < 1
    assert "'x'" in data.report["warnings"][0]


@pytest.mark.parametrize(("first", "warned"), [(1_700_000_000, True), (1_700_000, False)])
def test_numbers_that_single_precision_hardly_tells_apart_are_warned_of(prepared, first, warned):
    data = prepared({"x": [first + row for row in range(40)], "y": WORDS}, data={"target": "y"})

    assert bool(data.report["warnings"]) == warned


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1e300 * row for row in range(40)], "data row 2: it is no number, or one that single precision does not hold"),
        ([1e-300 * row for row in range(40)], "too close for single precision"),
        ([5] * 40, "the target is 5 in every training row"),
    ],
)
def test_targets_out_of_reach_are_named(prepared, values, message):
    with pytest.raises(InvalidData, match=message):
        prepared({"x": NUMBERS, "y": values}, task="regression", data={"target": "y"})


def test_new_rows_hold_numbers_of_any_size(prepared):
    data = prepared({"x": NUMBERS, "y": WORDS}, data={"target": "y"})
    encoding, _ = restore(data.recipe)

    numbers = encoding.encode([{"x": 10**400}, {"x": -(10**400)}, {"x": "1e400"}, {"x": 10**20}])["numbers"][:, 0]

    assert numbers[:3].isnan().all()
    assert numbers[3] == 1e20


def test_a_window_of_numbers_that_no_float_holds_is_refused(prepared):
    data = prepared(
        {"v": np.sin(np.arange(40))},
        task="forecasting",
        data={"target": "v"},
        preprocessing={"series": {"window": 2}},
    )
    encoding, _ = restore(data.recipe)

    with pytest.raises(InvalidData, match="no rectangular list of numbers"):
        encoding.encode([{"series": [[10**400], [1]]}])


def test_robust_scale_takes_the_deviation_where_quartiles_are_equal(prepared):
    gains = [0.0] * 36 + [90_000.0] * 4  # as a capital gain is: mostly nothing

    data = prepared(
        {"x": gains, "y": WORDS},
        data={"target": "y", "split": {"type": "random", "train": 0.9, "validation": 0.05, "test": 0.05}},
        preprocessing={"number": {"scale": "robust"}},
        cleaning={"duplicates": "keep"},
    )

    raw = data.train.inputs["numbers"][:, 0].double()
    assert ready(data)[:, 0].double().numpy() == pytest.approx((raw / raw.std(correction=0)).numpy(), rel=1e-5)
