"""Which categories get a code of their own."""

from __future__ import annotations

from tests.worker.training.data.conftest import resolved

TIME = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}
WORDS = ["u", "u", "u", "v", "v", "w", "x", None] * 2 + ["u", "v", "w", "y"] * 4
LETTERS = ["a", "b"] * 16


def test_categories_of_few_rows_are_how_unseen_ones_are_learned(prepared):
    words = ["u"] * 8 + ["v"] * 7 + ["once"] + ["u", "never"] * 8
    data = prepared({"x": words, "y": LETTERS}, data={"target": "y", "split": TIME})

    assert data.recipe["encoding"]["categories"][0]["values"] == ["u", "v"]
    assert data.train.inputs["categories"][15, 0].item() == 1
    assert data.test.inputs["categories"][:, 0].tolist() == [2, 1] * 4
    assert (data.report["rare_categories"], data.report["unseen_categories"]) == ({"x": 1}, {"x": 8})


def test_every_category_has_a_code_where_asked(prepared):
    words = ["u"] * 8 + ["v"] * 7 + ["once"] + ["u", "never"] * 8
    data = prepared(
        {"x": words, "y": LETTERS},
        data={"target": "y", "split": TIME},
        preprocessing={"category": {"min_count": 1}},
    )
    assert data.recipe["encoding"]["categories"][0]["values"] == ["once", "u", "v"]


def test_the_most_frequent_categories_are_kept(prepared):
    data = prepared(
        {"x": WORDS, "y": LETTERS},
        data={"target": "y", "split": TIME},
        preprocessing={"category": {"max_cardinality": 2}},
    )
    assert data.recipe["encoding"]["categories"][0]["values"] == ["u", "v"]
    assert data.signature.cardinalities == (4,)


def test_marks_of_one_column_travel_with_the_encoding(prepared):
    features = {"x": {"missing_values": ["none of these"]}}
    data = prepared({"x": ["u", "none of these"] * 16, "y": LETTERS}, data={"target": "y", "features": features})
    assert data.recipe["encoding"]["own_missing_values"] == [{"name": "x", "values": ["none of these"]}]


def test_marks_of_a_column_are_in_the_resolved_spec(table_of):
    table = table_of({"x": range(8), "y": [0.5 * n for n in range(8)]})
    spec = resolved(table, {"data": {"target": "y", "features": {"x": {"missing_values": ["0"]}}}})
    assert spec.data.features["x"].missing_values == ("0",)
