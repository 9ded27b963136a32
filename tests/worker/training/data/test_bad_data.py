"""Bad data of every kind has a reason that names it, and the place where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InvalidData, InvalidSpec
from models.formats import read

TIME = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}
LETTERS = ["a", "b"] * 10
CASES = {
    "a column that is missing altogether": (
        {"x": [None] * 20, "y": LETTERS},
        {},
        "every feature is missing in every training row",
    ),
    "one class": ({"x": range(20), "y": ["a"] * 20}, {}, "has one class only"),
    "one class after cleaning": (
        {"x": range(20), "y": ["A", "a"] * 10},
        {"cleaning": {"text": {"case": "lower"}}},
        r"^column 'y': it holds one class only, 'a'",
    ),
    "one class in training": (
        {"x": range(20), "y": ["a"] * 10 + ["b"] * 10},
        {"data": {"split": TIME}},
        "the training rows are all of one class",
    ),
    "a constant target": (
        {"x": range(20), "y": [2.5] * 20},
        {"task": "regression"},
        "the target is 2.5 in every training row",
    ),
    "a target that is missing altogether": (
        {"x": range(20), "y": ["?"] * 20},
        {"task": "classification"},
        r"^column 'y': the target is missing in every row",
    ),
    "no rows after duplicates": (
        {"x": [1] * 20, "y": LETTERS},
        {"cleaning": {"duplicates": "drop"}},
        r"^column 'y': it holds 2 classes in 2 rows",
    ),
    "no rows after contradictions": (
        {"x": [1] * 20, "y": LETTERS},
        {"cleaning": {"conflicting_labels": "drop", "duplicates": "keep"}},
        "every training row is left out|all of one class",
    ),
    "no rows after gaps": (
        {"x": [None, 1] * 10, "z": [1, None] * 10, "y": LETTERS},
        {"preprocessing": {"number": {"impute": "drop_row"}}},
        "every training row is left out because of missing values",
    ),
    "a word among the numbers to predict": (
        {"x": range(20), "y": [*map(str, range(19)), "many"]},
        {"task": "regression"},
        r"^column 'y', data row 20: 'many' is no number",
    ),
    "words where numbers are asked for": (
        {"x": [*map(str, range(10)), *["word"] * 10], "y": LETTERS},
        {"data": {"features": {"x": {"type": "number"}}}},
        r"^column 'x', data row 11: 'word' is no number; 10 of 20 rows hold words",
    ),
    "a gap in the column of the split": (
        {"x": range(20), "part": ["train"] * 15 + ["test"] * 4 + [None], "y": LETTERS},
        {"data": {"split": {"type": "column", "column": "part"}}},
        r"^column 'part', data row 20: the split needs a value in every row",
    ),
    "two groups": (
        {"x": range(20), "who": ["p", "q"] * 10, "y": LETTERS},
        {"data": {"split": {"type": "group", "column": "who"}}},
        r"^column 'who': there are 2 groups; train, validation and test need at least one each",
    ),
}


@pytest.mark.parametrize(("columns", "document", "message"), CASES.values(), ids=CASES.keys())
def test_bad_data_is_refused_by_name(prepared, columns, document, message):
    data = {"target": "y", **document.get("data", {})}
    with pytest.raises((InvalidData, InvalidSpec), match=message):
        prepared(columns, **{**document, "data": data})


def test_answers_that_are_no_numbers_at_all_are_left_out_and_counted(prepared):
    columns = {"x": range(20), "y": [np.nan, np.inf, *range(18)]}
    data = prepared(columns, task="regression", data={"target": "y"})
    assert data.report["rows_dropped"] == {"without_target": 2}


def test_a_ragged_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "ragged.csv"
    path.write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(InvalidData, match="3"):
        read(path, format="csv", options={})


def test_a_file_without_rows_is_refused(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("a,b\n")
    with pytest.raises(InvalidData, match="no rows"):
        read(path, format="csv", options={})
