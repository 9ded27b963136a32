"""Columns of times in tables: points on circles, in training and in prediction."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.errors import InvalidRow
from worker.training.data import restore

NAMES = [f"when.{circle}.{part}" for circle in ("day", "week", "year") for part in ("sine", "cosine")]


@pytest.fixture
def visits():
    """Forty rows; every fifth has no time, and the class is whether it is before noon."""
    hours = [row * 7 % 24 for row in range(40)]
    return {
        "x": np.random.default_rng(0).normal(size=40).round(3),
        "when": [
            None if row % 5 == 0 else f"2024-03-{row % 28 + 1:02}T{hour:02}:00:00" for row, hour in enumerate(hours)
        ],
        "y": ["early" if hour < 12 else "late" for hour in hours],
    }


def asked(**more):
    return {"data": {"target": "y", "features": {"when": "calendar", "*": "auto"}, "split": "time"}, **more}


def test_a_time_becomes_six_numbers_and_a_gap_is_filled_and_indicated(prepared, visits):
    data = prepared(visits, **asked())

    assert data.recipe["encoding"]["numbers"] == ["x", *NAMES]
    raw = data.train.inputs["numbers"]
    assert raw[1, 1:3].tolist() == pytest.approx([math.sin(2 * math.pi * 7 / 24), math.cos(2 * math.pi * 7 / 24)])
    assert raw[0, 1:].isnan().all()
    ready = data.preprocessing(dict(data.train.inputs))["numbers"]
    assert ready.shape[1] == 7 + 6
    assert torch.isfinite(ready).all()
    assert ready[:6, 7].tolist() == [1, 0, 0, 0, 0, 1]


def test_new_rows_are_read_as_those_of_training(prepared, visits):
    data = prepared(visits, **asked())
    encoding, _ = restore(data.recipe)

    rows = [{"x": float(visits["x"][row]), "when": visits["when"][row]} for row in range(28)]
    encoded = encoding.encode(rows)

    assert encoding.fields == ("x", "when")
    assert torch.allclose(encoded["numbers"], data.train.inputs["numbers"], equal_nan=True)
    assert encoding.unusual(encoded).missing == {"when": 6}
    assert encoding.encode([{"when": " NA "}, {}])["numbers"].isnan().all()
    with pytest.raises(InvalidRow, match="'soon' is no time") as caught:
        encoding.encode([{"when": "2024-01-01"}, {"when": "soon"}])
    assert (caught.value.row, caught.value.field) == (1, "when")


def test_without_times_an_encoding_is_what_it_was_before_there_were_any(prepared, visits):
    data = prepared(visits, data={"target": "y"})

    assert "times" not in data.recipe["encoding"]  # jobs begin with weights whose encoding is theirs


def test_times_that_no_training_row_has_are_left_out_as_one_column(prepared, visits):
    visits["when"][:28] = [None] * 28

    data = prepared(visits, **asked())

    assert data.report["columns_dropped"] == ["when"]
    assert data.recipe["encoding"]["numbers"] == ["x"]
    assert restore(data.recipe)[0].fields == ("x",)


@pytest.mark.parametrize("action", ["clip", "drop_row"])
def test_outliers_are_not_looked_for_among_times(prepared, visits, action):
    number = {"outliers": {"type": "quantile", "low": 0.2, "high": 0.8, "max_affected": 0.9, "action": action}}

    data = prepared(visits, **asked(preprocessing={"number": number}))

    assert set(data.report["outliers"]) == {"x"}
