"""Rows that are left out: of the training part alone, counted, class by class."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InvalidData, InvalidSpec
from models.formats import read
from models.samples import sample

TIME = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}
LETTERS = ["a", "b"] * 12


def outliers(**more):
    return {"number": {"outliers": {"type": "iqr", "action": "drop_row", "max_affected": 0.2, **more}}}


def test_training_rows_with_an_outlier_are_left_out_and_counted_by_class(prepared):
    numbers = [*range(1, 12), 100, *range(1, 11), -90, 300]

    data = prepared({"x": numbers, "y": LETTERS}, data={"target": "y", "split": TIME}, preprocessing=outliers())

    assert data.train.inputs["numbers"].max() == 11
    assert data.report["rows_dropped"] == {"outliers": 1}
    assert data.report["rows_dropped_by_class"] == {"outliers": {"a": 0, "b": 1}}
    assert (data.report["outliers"], data.report["outlier_action"]) == ({"x": 1}, "drop_row")
    assert data.report["splits"] == {"train": 11, "validation": 6, "test": 6}
    assert data.test.inputs["numbers"][-2:, 0].tolist() == [-90, 300]
    assert data.preprocessing(data.test.inputs)["numbers"].abs().max() > 50  # and a new row is taken as it is


def test_the_scale_is_that_of_the_rows_that_stay(prepared):
    numbers = [*range(1, 12), 100, *range(1, 13)]
    data = prepared({"x": numbers, "y": LETTERS}, data={"target": "y", "split": TIME}, preprocessing=outliers())
    assert data.preprocessing.numbers.center.item() == pytest.approx(6.0)


def test_training_rows_with_a_gap_are_left_out(prepared):
    numbers = [1, 2, None, 4, 5, 6, 7, 8, 9, 10, 11, None, 1, 2, 3, 4, 5, 6, 7, 8, None, 10, 11, 12]

    data = prepared(
        {"x": numbers, "y": LETTERS},
        data={"target": "y", "split": TIME},
        preprocessing={"number": {"impute": "drop_row", "scale": "none"}},
    )

    assert data.report["rows_dropped"] == {"missing_values": 2}
    assert data.report["splits"] == {"train": 10, "validation": 6, "test": 6}
    known = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert data.preprocessing(data.test.inputs)["numbers"][2, 0].item() == np.median(known)


def test_columns_that_are_missing_altogether_cost_no_rows(prepared):
    columns = {"x": range(24), "gone": [None] * 12 + [1] * 12, "y": LETTERS}
    data = prepared(columns, data={"target": "y", "split": TIME}, preprocessing={"number": {"impute": "drop_row"}})
    assert (data.report["rows_dropped"], data.report["columns_dropped"]) == ({}, ["gone"])


def test_nothing_left_is_refused(prepared):
    columns = {"x": [None, 1] * 12, "z": [1, None] * 12, "y": LETTERS}
    with pytest.raises(InvalidData, match="every training row is left out because of missing values"):
        prepared(columns, data={"target": "y", "split": TIME}, preprocessing={"number": {"impute": "drop_row"}})


def test_one_class_left_is_refused(prepared):
    columns = {"x": [None if letter == "b" else 1.0 * n for n, letter in enumerate(LETTERS)], "y": LETTERS}
    with pytest.raises(InvalidData, match="not left out are all of one class"):
        prepared(columns, data={"target": "y", "split": TIME}, preprocessing={"number": {"impute": "drop_row"}})


def test_a_class_that_goes_away_is_warned_of(prepared):
    letters = ["a", "b", "c"] * 8
    columns = {"x": [None if letter == "c" else 1.0 * n for n, letter in enumerate(letters)], "y": letters}
    data = prepared(columns, data={"target": "y", "split": TIME}, preprocessing={"number": {"impute": "drop_row"}})
    assert "no training row of class 'c' is left" in data.report["warnings"]


def test_gaps_of_a_table_in_order_take_the_last_number_before_them(prepared):
    day = [*range(24)][::-1]  # the rows stand from the newest to the oldest
    numbers = [float(n) for n in day]
    for place in (0, 5, 20, 23):
        numbers[place] = None
    split = {**TIME, "column": "day"}

    data = prepared(
        {"x": numbers, "day": day, "y": LETTERS},
        data={"target": "y", "split": split},
        preprocessing={"number": {"impute": "forward_fill", "scale": "none"}},
    )

    test = data.preprocessing(data.test.inputs)["numbers"]
    assert test[:, 0].tolist() == [22, 22, 21, 20, 19, 17]  # days 23 and 18 are gaps
    assert test[:, 1].tolist() == [1, 0, 0, 0, 0, 1]
    train = data.preprocessing(data.train.inputs)["numbers"]
    assert train[-1, 0].item() == 11  # the oldest row has none before it: the last number of training


def test_rows_without_an_order_are_not_filled_forward(prepared):
    with pytest.raises(InvalidSpec, match="in order of time"):
        prepared(
            {"x": range(24), "y": LETTERS}, data={"target": "y"}, preprocessing={"number": {"impute": "forward_fill"}}
        )


def test_leaving_tumours_out_by_their_outliers_leaves_out_the_malignant_ones(prepared):
    shipped = sample("breast_cancer")
    source = read(shipped.path, format=shipped.format, options=shipped.options)
    dropping = prepared(source, data={"target": "diagnosis"}, preprocessing=outliers(max_affected=1.0)).report
    default = prepared(source, data={"target": "diagnosis"}).report

    assert dropping["rows_dropped_by_class"] == {"outliers": {"benign": 40, "malignant": 79}}
    assert default["classes"]["train"] == {"benign": 251, "malignant": 148}
    assert (default["rows_dropped"], default["outliers"]) == ({}, {})
