"""Cleaning: blanks, markers and duplicates, with a report of every row."""

from __future__ import annotations

import pytest

TIME = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}
LETTERS = ["a", "b"] * 8


def test_blanks_around_words_are_removed_unless_told_otherwise(prepared):
    columns = {"x": ["u", "u ", "v", "v"] * 4, "y": LETTERS}
    vocabulary = []
    for strip in (True, False):
        data = prepared(columns, data={"target": "y"}, cleaning={"text": {"strip": strip}})
        vocabulary.append(data.recipe["encoding"]["categories"][0]["values"])

    assert vocabulary == [["u", "v"], ["u", "u ", "v"]]


def test_marks_of_missing_values_work_on_words_and_numbers(prepared):
    columns = {"x": ["u", "unknown", "v", "v"] * 4, "n": [1, -999, 3, 4] * 4, "y": LETTERS}

    data = prepared(columns, data={"target": "y", "split": TIME}, cleaning={"missing_values": ["unknown", "-999.0"]})

    assert data.train.inputs["categories"][:4, 0].tolist() == [2, 0, 3, 3]
    assert data.train.inputs["numbers"][:, 0].isnan().tolist() == [False, True, False, False] * 2


def test_rows_that_repeat_are_dropped_when_asked(prepared):
    columns = {"x": [1, 1, 1, *range(2, 15)], "y": ["a", "a", "b", "a"] + ["a", "b"] * 6}

    data = prepared(columns, data={"target": "y"}, cleaning={"duplicates": "drop"})

    assert data.report["rows_dropped"] == {"duplicates": 1}
    assert data.report["rows_used"] == 15


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_equal_rows_never_lie_on_both_sides_of_the_split(prepared, seed, task):
    columns = {"x": [number // 2 for number in range(200)], "y": [number // 2 % 4 for number in range(200)]}

    apart = prepared(columns, task=task, data={"target": "y"}, seed=seed)
    mixed = prepared(columns, task=task, data={"target": "y"}, seed=seed, cleaning={"duplicates": "keep"})

    values = [set(part.inputs["numbers"][:, 0].tolist()) for part in (apart.train, apart.validation, apart.test)]
    assert not values[0] & values[1]
    assert not values[0] & values[2]
    assert not values[1] & values[2]
    assert (apart.report["duplicates"], apart.report["duplicates_across_splits"]) == (100, 0)
    assert mixed.report["duplicates_across_splits"] > 10


def test_rows_that_nearly_all_repeat_are_divided_all_the_same_with_a_warning(prepared):
    columns = {"x": [0, 0, 1, 1] * 25, "y": ["a", "b"] * 50}

    data = prepared(columns, data={"target": "y"})

    assert data.report["splits"] == {"train": 70, "validation": 15, "test": 15}
    assert "identical rows had to be divided" in data.report["warnings"][0]


def test_contradicting_labels_give_a_ceiling(prepared):
    columns = {"x": [1, 1, 1, *range(2, 19)], "y": ["a", "a", "b"] + ["a"] * 8 + ["b"] * 9}

    assert prepared(columns, data={"target": "y"}).report["accuracy_ceiling"] == pytest.approx(19 / 20)


def test_without_contradictions_there_is_no_ceiling(prepared):
    columns = {"x": [1, 1, 1, *range(2, 19)], "y": ["a"] * 11 + ["b"] * 9}

    assert prepared(columns, data={"target": "y"}).report["accuracy_ceiling"] is None
