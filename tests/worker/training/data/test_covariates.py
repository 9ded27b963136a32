"""Categories and times that a forecast looks back on beside numbers."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta

import numpy as np
import pytest
import torch

from models.errors import InvalidRow
from tests.worker.training.data.conftest import resolved
from worker.training import train
from worker.training.data import restore
from worker.training.data.covariates import circles
from worker.training.predicting import Predictor

HALVES = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}
START = datetime.fromisoformat("2024-02-28T22:00")  # a Wednesday
FEATURES = {"wind": "category", "when": "calendar", "*": "auto"}


def hours(num: int = 60, **columns) -> dict:
    """A table of one row an hour, whose value follows from the wind of the hour before."""
    winds = ["N", "S", "W"]
    wind = [winds[(row * row) % 7 % 3] for row in range(num)]
    value = [0.0, *({"N": 1.0, "S": 5.0, "W": 9.0}[one] for one in wind[:-1])]
    when = [(START + timedelta(hours=row)).isoformat() for row in range(num)]
    return {"when": when, "wind": wind, "value": value, **columns}


def sections(**more) -> dict:
    data = {"target": "value", "features": FEATURES, "split": {**HALVES, "column": "when"}}
    return {"task": "forecasting", "data": data, "preprocessing": {"series": {"window": 3}}, **more}


def test_points_on_circles_are_those_of_the_textbook():
    times = np.array(["2024-02-28T18:00", "2023-07-02T12:00", "NaT"], "datetime64[us]")

    wednesday, sunday, none = circles(times)

    assert wednesday[:2] == pytest.approx([-1, 0])  # three quarters of a day
    assert wednesday[2:4] == pytest.approx([math.sin(4 * math.pi / 7), math.cos(4 * math.pi / 7)])
    assert wednesday[5] == pytest.approx(math.cos(2 * math.pi * 58.75 / 366))  # of a leap year
    assert sunday[:2] == pytest.approx([0, -1])
    assert sunday[4:] == pytest.approx([0, -1])  # the middle of a year
    assert np.isnan(none).all()


def test_windows_hold_numbers_then_a_column_for_each_category_then_times(prepared):
    data = prepared(hours(), **sections())

    columns = data.recipe["encoding"]["columns"]
    assert columns[:5] == ["value", "wind=", "wind=N", "wind=S", "wind=W"]
    assert columns[5:] == [f"when.{circle}.{part}" for circle in ("day", "week", "year") for part in ("sine", "cosine")]
    first = data.train.inputs["series"][0]
    assert first[:, 1:5].tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]  # N, S, S
    assert first[:, 5].tolist() == pytest.approx([math.sin(2 * math.pi * hour / 24) for hour in (22, 23, 0)], abs=1e-6)
    assert data.signature.series == (3, 11)


def test_nothing_changes_where_none_are_asked_for(prepared):
    asked = sections()
    asked["data"] = {"target": "value", "split": {**HALVES, "column": "when"}}

    data = prepared(hours(), **asked)

    assert data.recipe["encoding"] == {"kind": "series", "columns": ["value"], "window": 3}


def test_categories_are_known_by_the_training_rows_alone(prepared):
    table = hours()
    table["wind"][45:] = ["canary"] * 15

    data = prepared(table, **sections())

    assert "wind=canary" not in data.recipe["encoding"]["columns"]
    assert data.report["unseen_categories"] == {"wind": 15}
    assert data.test.inputs["series"][-1, :, 1:5].sum() == 0


def test_outliers_are_looked_for_among_numbers_only(prepared):
    table = hours(num=200)
    table["wind"] = ["E" if row % 50 == 0 else "N" for row in range(200)]
    asked = sections()
    asked["preprocessing"]["number"] = {"outliers": {"type": "zscore", "action": "clip"}}

    data = prepared(table, **asked)

    columns = data.recipe["encoding"]["columns"]
    ready = data.preprocessing.ready(data.train.inputs["series"])
    rare = ready[:, :, columns.index("wind=E")]
    assert rare.max() - rare.min() == pytest.approx(1 / math.sqrt(0.02 * 0.98), rel=1e-3)  # unclipped


def test_new_windows_are_encoded_as_those_of_training_were(prepared):
    table = hours()
    data = prepared(table, **sections())
    encoding, _ = restore(json.loads(json.dumps(data.recipe)))

    assert encoding.sent == ("when", "wind", "value")
    steps = [[table["when"][row], f" {table['wind'][row]} ", table["value"][row]] for row in range(3)]
    encoded = encoding.encode([{"series": [["2020-01-01", "N", 0.0], *steps]}])

    assert torch.allclose(encoded["series"][0], data.train.inputs["series"][0])
    unusual = encoding.unusual(encoded)
    assert (unusual.missing, unusual.unseen) == ({}, {})


def test_what_a_window_lacks_or_brings_anew_is_counted(prepared):
    encoding, _ = restore(prepared(hours(), **sections()).recipe)
    whole = ["2024-02-28T22:00:00", "N", 1.0]

    encoded = encoding.encode(
        [{"series": [whole, [None, "", None], whole]}, {"series": [whole, whole, ["2024-02-28", "E", 1]]}]
    )

    unusual = encoding.unusual(encoded)
    assert unusual.missing == {"value": 1, "wind": 1, "when": 1}
    assert unusual.unseen == {"wind": 1}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (["yesterday", "N", 1.0], "'yesterday' is no time"),
        ([20240228, "N", 1.0], "'20240228' is no time"),
        (["2024-02-28", "N"], "no list of 3 steps of 3 cells each: when, wind, value"),
        (["2024-02-28", "N", "much"], "no rectangular list of numbers"),
        (["2024-02-28", ["N"], 1.0], "a cell is a number, a text"),
    ],
)
def test_a_step_that_cannot_be_read_is_named(prepared, step, message):
    encoding, _ = restore(prepared(hours(), **sections()).recipe)

    with pytest.raises(InvalidRow, match=message) as caught:
        encoding.encode([{"series": [["2024-02-28", "N", 1.0]] * 2 + [step]}])

    assert (caught.value.row, caught.value.field) == (0, "series")


def test_a_time_with_a_zone_is_brought_to_utc(prepared):
    encoding, _ = restore(prepared(hours(), **sections()).recipe)

    told = encoding.encode([{"series": [["2024-03-01T01:30:00+02:00", "N", 1.0]] * 3}])["series"]

    assert torch.equal(told, encoding.encode([{"series": [["2024-02-29T23:30:00", "N", 1.0]] * 3}])["series"])


def test_a_network_learns_from_a_category_what_the_numbers_do_not_say(table_of, tmp_path):
    source = table_of(hours(num=200))
    asked = sections(
        network={"type": "mlp", "hidden": [16], "dropout": 0.0},
        training={"epochs": 20, "batch_size": 16},
        evaluation={"baselines": True},
    )

    result = train(resolved(source, asked), source, directory=tmp_path, device="cpu", num_threads=1).result
    newest = max((path for path in tmp_path.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
    step = ["2024-02-28T22:00:00", "S", 1.0]
    answered = Predictor.load(newest).predict([{"series": [step] * 3}]).rows[0]["values"]

    assert result["test"]["rmse"] < 0.5  # the deviation is 3.3, and the past of the value says nothing of it
    assert answered == pytest.approx([5.0], abs=1.0)
    assert {one["name"] for one in result["baselines"]} >= {"last_value", "linear_autoregression"}
