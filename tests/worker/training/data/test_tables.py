"""Tables: numbers and categories against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.errors import InvalidData

TIME = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}


@pytest.fixture
def people():
    """A hundred rows with gaps, words and two classes; in order, so that a split by time takes rows by their number."""
    rng = np.random.default_rng(0)
    age = rng.integers(17, 90, 100).astype(float)
    age[[3, 10, 60]] = np.nan
    return {
        "age": age,
        "height": rng.normal(170, 10, 100).round(1),
        "job": [("clerk", "nurse", None, "smith")[number % 4] for number in range(100)],
        "member": [number % 3 == 0 for number in range(100)],
        "income": [("low", "high")[number * 7 % 5 > 2] for number in range(100)],
    }


def test_training_numbers_have_mean_0_and_deviation_1_and_gaps_are_filled_and_told(prepared, people):
    data = prepared(people, data={"target": "income", "split": TIME})
    out = data.preprocessing(data.train.inputs)["numbers"]

    assert out.shape == (50, 3)  # age, height and the gaps of age
    assert torch.allclose(out[:, :2].mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(out[:, :2].std(0, unbiased=False), torch.ones(2), atol=1e-5)
    assert out[:, 2].nonzero().flatten().tolist() == [3, 10]
    assert data.signature.num_numbers == 3
    assert data.report["filled"] == {"age": 2, "job": 12}


def test_gaps_take_the_median_of_the_training_rows(prepared, people):
    data = prepared(people, data={"target": "income", "split": TIME})

    filled = np.nanmedian(people["age"][:50])
    whole = np.where(np.isnan(people["age"][:50]), filled, people["age"][:50])
    expected = (filled - whole.mean()) / whole.std()

    assert data.preprocessing(data.train.inputs)["numbers"][3, 0].item() == pytest.approx(expected, abs=1e-5)
    test = data.preprocessing(data.validation.inputs)["numbers"]
    assert test[10, 0].item() == pytest.approx(expected, abs=1e-5)
    assert test[10, 2].item() == 1


def test_raw_tensors_hold_the_values_as_they_came(prepared, people):
    data = prepared(people, data={"target": "income", "split": TIME})

    assert np.allclose(data.train.inputs["numbers"].numpy()[:, 0], people["age"][:50], equal_nan=True)
    assert data.train.inputs["categories"][:4].tolist() == [[2, 3], [3, 2], [0, 2], [4, 3]]
    assert data.train.targets[:5].tolist() == [{"high": 0, "low": 1}[label] for label in people["income"][:5]]
    assert data.signature.classes == ("high", "low")
    assert data.signature.cardinalities == (5, 4)  # missing and unseen besides what was seen


def test_a_word_that_only_later_rows_hold_is_unseen(prepared, people):
    people["job"][80] = "pilot"

    data = prepared(people, data={"target": "income", "split": TIME})

    assert data.test.inputs["categories"][5, 0].item() == 1
    assert data.report["unseen_categories"] == {"job": 1}


def test_one_hot_columns_stand_for_missing_and_known_words(prepared, people):
    people["job"][80] = "pilot"
    document = {"data": {"target": "income", "split": TIME, "features": {"job": {"type": "category"}}}}

    data = prepared(people, preprocessing={"category": {"encoding": "onehot"}}, **document)

    assert data.preprocessing(data.train.inputs)["numbers"][:4].tolist() == [
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
    ]
    assert data.preprocessing(data.test.inputs)["numbers"][5].tolist() == [0, 0, 0, 0]
    assert (data.signature.num_numbers, data.signature.cardinalities) == (4, ())


def test_ordinal_codes_are_standardised_numbers(prepared, people):
    document = {"data": {"target": "income", "split": TIME, "features": {"job": {"type": "category"}}}}

    data = prepared(people, preprocessing={"category": {"encoding": "ordinal"}}, **document)

    codes = data.preprocessing(data.train.inputs)["numbers"]
    assert torch.allclose(codes.mean(0), torch.zeros(1), atol=1e-6)
    assert codes[1] - codes[0] == pytest.approx((codes[3] - codes[0]).item() / 2)


def test_a_number_read_as_category_is_known_by_its_text(prepared, people):
    people["grade"] = [float(number % 3) for number in range(100)]
    features = {"grade": {"type": "category"}, "age": "number"}

    data = prepared(people, data={"target": "income", "split": TIME, "features": features})

    assert data.recipe["encoding"]["categories"] == [{"name": "grade", "values": ["0", "1", "2"]}]


def test_a_yes_or_no_read_as_number_is_1_or_0(prepared, people):
    data = prepared(people, data={"target": "income", "split": TIME, "features": {"member": {"type": "number"}}})

    assert data.train.inputs["numbers"][:4, 0].tolist() == [1, 0, 0, 1]


def test_regression_targets_are_standardised_by_the_training_rows(prepared, people):
    data = prepared(people, data={"target": "height", "split": TIME})

    assert data.signature.task == "regression"
    assert data.signature.target_mean == pytest.approx(np.mean(people["height"][:50]))
    assert data.signature.target_std == pytest.approx(np.std(people["height"][:50]))
    back = data.test.targets[:, 0] * data.signature.target_std + data.signature.target_mean
    assert np.allclose(back.numpy(), people["height"][75:], atol=1e-3)


def test_numeric_classes_are_in_order_of_size(prepared, people):
    people["grade"] = [(10, 2, 1)[number % 3] for number in range(100)]

    assert prepared(people, task="classification", data={"target": "grade"}).signature.classes == ("1", "2", "10")


def test_rows_without_answer_are_left_out_and_counted(prepared, people):
    people["income"][7] = None

    data = prepared(people, data={"target": "income"})

    assert data.report["rows_dropped"] == {"without_target": 1}
    assert len(data.train) + len(data.validation) + len(data.test) == 99


def test_a_column_that_is_missing_in_every_training_row_is_left_out_with_a_warning(prepared, people):
    people["late"] = [np.nan] * 60 + [1.0] * 40
    people["never"] = [None] * 60 + ["x"] * 40

    data = prepared(people, data={"target": "income", "split": TIME})

    assert data.report["columns_dropped"] == ["late", "never"]
    assert "column 'late' is left out" in data.report["warnings"][0]
    assert data.recipe["encoding"]["numbers"] == ["age", "height"]


@pytest.mark.parametrize(
    ("spec", "fill"),
    [({"impute": "mean"}, 3.25), ({"impute": "mode"}, 1), ({"impute": "constant", "fill_value": -7.0}, -7)],
)
def test_other_fills(prepared, spec, fill):
    numbers = [1, 1, 4, 7, None, None, None, 2]
    document = {"data": {"target": "y", "split": TIME}, "preprocessing": {"number": {"scale": "none", **spec}}}

    data = prepared({"x": numbers, "y": ["a", "b"] * 4}, **document)

    assert data.preprocessing({"numbers": torch.tensor([[torch.nan]])})["numbers"].tolist() == [[fill]]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("minmax", [0, 1 / 3, 2 / 3, 1]),
        ("robust", [-1, -1 / 3, 1 / 3, 1]),
        ("none", [1, 2, 3, 4]),
        ("standard", (np.array([1, 2, 3, 4]) - 2.5) / np.sqrt(1.25)),
    ],
)
def test_scales(prepared, scale, expected):
    columns = {"x": [1, 2, 3, 4, 50, 60, 70, 80], "y": ["a", "b"] * 4}

    data = prepared(columns, data={"target": "y", "split": TIME}, preprocessing={"number": {"scale": scale}})

    out = data.preprocessing(data.train.inputs)["numbers"][:, 0]
    assert out.numpy() == pytest.approx(np.array(expected), abs=1e-6)


def test_a_constant_column_is_harmless(prepared):
    for scale in ("standard", "minmax", "robust"):
        data = prepared(
            {"x": [5] * 12, "z": list(range(12)), "y": ["a", "b"] * 6},
            data={"target": "y", "split": TIME},
            preprocessing={"number": {"scale": scale}},
        )
        assert data.preprocessing(data.train.inputs)["numbers"][:, 0].tolist() == [0] * 6


def test_outliers_are_clipped_at_the_fences_of_the_training_rows(prepared):
    numbers = [*range(1, 12), 100, *range(1, 12), -90]  # the fences of the first twelve stand at -4.5 and 17.5
    document = {"data": {"target": "y", "split": TIME}}
    document["preprocessing"] = {"number": {"scale": "none", "outliers": {"type": "iqr", "max_affected": 0.2}}}

    data = prepared({"x": numbers, "y": ["a", "b"] * 12}, **document)

    assert data.preprocessing(data.train.inputs)["numbers"].max() == 17.5
    assert data.preprocessing(data.test.inputs)["numbers"].min() == -4.5
    assert (data.report["outliers"], data.report["outlier_action"]) == ({"x": 1}, "clip")


def test_clipping_spares_columns_where_it_would_change_too_much(prepared):
    numbers = [*range(1, 12), 100, *range(1, 13)]
    document = {"data": {"target": "y", "split": TIME}}
    document["preprocessing"] = {"number": {"scale": "none", "outliers": {"type": "iqr", "max_affected": 0.05}}}

    data = prepared({"x": numbers, "y": ["a", "b"] * 12}, **document)

    assert data.preprocessing(data.train.inputs)["numbers"].max() == 100
    assert "1 of 12 rows would change" in data.report["warnings"][0]


@pytest.mark.parametrize(
    ("columns", "document", "message"),
    [
        ({"x": [1, 2, 3, 4], "y": [None] * 4}, {}, r"^column 'y': the target is missing in every row"),
        (
            {"x": [1, 2, 3, 4], "y": ["a", "a", "a", "-"]},
            {"cleaning": {"missing_values": ["-"]}},
            r"^column 'y': it holds one class only, 'a'",
        ),
        ({"x": [1, 2], "y": ["a", "b"]}, {}, "2 classes in 2 rows"),
        ({"x": [None] * 8, "y": ["a", "b"] * 4}, {}, "every feature is missing"),
        ({"x": [1, 2, 3, 4], "y": [5.5] * 4}, {"task": "regression"}, "the target is 5.5 in every training row"),
        (
            {"x": [1, 2, 3, 4], "y": [1.5, 2, 3, None]},
            {"task": "regression", "cleaning": {"missing_values": ["2", "3"]}},
            "of 1 rows none is left",
        ),
        (
            {"x": [1, 2, 3, 4], "y": ["1", "2", "3", "four"]},
            {"task": "regression"},
            r"^column 'y', data row 4: 'four' is no number",
        ),
        (
            {"x": range(8), "y": ["a"] * 6 + ["b"] * 2},
            {"data": {"target": "y", "split": TIME}},
            "training rows are all of one class",
        ),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused_with_its_place(prepared, columns, document, message):
    with pytest.raises(InvalidData, match=message):
        prepared(columns, **{"data": {"target": "y"}, **document})


def test_a_target_column_that_went_away_is_named(prepared, table_of, people):
    from models.formats.summaries import profile
    from models.spec import parse, resolve
    from worker.training.data import prepare

    spec = resolve(parse({"data": {"dataset": "ds_test", "target": "income"}}), profile(table_of(people)))
    del people["income"]

    with pytest.raises(InvalidData, match=r"^column 'income': there is no such column; the columns are age, height"):
        prepare(spec, table_of(people), device=torch.device("cpu"))


def test_a_column_divides_the_rows_and_is_no_feature(prepared, people):
    people["part"] = ["train"] * 60 + ["test"] * 40

    data = prepared(people, data={"target": "income", "split": {"type": "column", "column": "part"}})

    assert data.report["splits"] == {"train": 51, "validation": 9, "test": 40}
    assert np.allclose(data.test.inputs["numbers"][:, 0], people["age"][60:], equal_nan=True)
    assert [vocabulary["name"] for vocabulary in data.recipe["encoding"]["categories"]] == ["job", "member"]


def test_a_column_of_times_orders_the_rows(prepared, people):
    people["day"] = [f"2020-{1 + place // 28:02}-{1 + place % 28:02}" for place in range(99, -1, -1)]

    data = prepared(people, data={"target": "income", "split": {**TIME, "column": "day"}})

    assert np.allclose(data.test.inputs["numbers"][:, 0], people["age"][:25], equal_nan=True)


def test_a_row_without_a_part_is_named(prepared, people):
    people["part"] = ["train"] * 60 + ["test"] * 39 + [None]

    with pytest.raises(InvalidData, match=r"^column 'part', data row 100: the split needs a value in every row"):
        prepared(people, data={"target": "income", "split": {"type": "column", "column": "part"}})


def test_the_split_that_came_with_a_table_is_kept(prepared, table_of, people):
    source = table_of(people, split=np.array([2] * 30 + [0] * 50 + [1] * 20, np.int8))

    data = prepared(source, data={"target": "income"})

    assert data.report["splits"] == {"train": 50, "validation": 20, "test": 30}
    assert np.allclose(data.test.inputs["numbers"][:, 0], people["age"][:30], equal_nan=True)


def test_the_report_counts_parts_and_classes(prepared, people):
    report = prepared(people, data={"target": "income", "split": TIME}).report

    assert report["rows_read"] == report["rows_used"] == 100
    assert report["splits"] == {"train": 50, "validation": 25, "test": 25}
    assert sum(report["classes"]["train"].values()) == 50
    assert report["classes"]["test"] == {"high": 10, "low": 15}
