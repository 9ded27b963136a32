"""Cleaning: blanks, markers and duplicates, with a report of every row."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.errors import InvalidData, InvalidSpec
from worker.training.data import restore

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


CONFLICTS = {"x": [1, 1, 1, 2, 2, *range(3, 18)], "y": ["a", "a", "b", "a", "b"] + ["a"] * 7 + ["b"] * 8}
ALL_TRAIN = {"type": "time", "train": 0.8, "validation": 0.1, "test": 0.1}


def test_rows_that_contradict_are_counted_and_kept(prepared):
    report = prepared(CONFLICTS, data={"target": "y", "split": ALL_TRAIN}).report

    assert (report["conflicting_rows"], report["relabelled_rows"]) == (5, 0)
    assert report["accuracy_ceiling"] == pytest.approx(18 / 20)
    assert report["splits"]["train"] == 16


def test_training_rows_that_contradict_are_left_out_when_asked(prepared):
    document = {"data": {"target": "y", "split": ALL_TRAIN}, "cleaning": {"conflicting_labels": "drop"}}
    data = prepared(CONFLICTS, **document)

    assert data.train.inputs["numbers"][:, 0].min() == 3
    assert data.report["rows_dropped"] == {"conflicting_labels": 5}
    assert data.report["rows_dropped_by_class"] == {"conflicting_labels": {"a": 3, "b": 2}}
    assert data.report["rows_used"] == 15


def test_training_rows_that_contradict_take_the_majority_when_asked(prepared):
    document = {"data": {"target": "y", "split": ALL_TRAIN}, "cleaning": {"conflicting_labels": "majority"}}
    data = prepared(CONFLICTS, **document)

    assert data.train.targets[:5].tolist() == [0, 0, 0, 0, 0]  # of as many a as b the first wins
    assert data.report["relabelled_rows"] == 2
    assert data.report["classes"]["train"]["a"] == 12


def test_rows_that_contradict_stay_as_they_are_in_the_test(prepared):
    columns = {"x": [*range(16), 90, 90, 90, 90], "y": ["a", "b"] * 8 + ["a", "b", "b", "b"]}
    for how in ("drop", "majority"):
        data = prepared(columns, data={"target": "y", "split": ALL_TRAIN}, cleaning={"conflicting_labels": how})
        assert data.validation.targets.tolist() == [0, 1]
        assert len(data.test) == 2


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ({}, ["Caf\u00e9", "caf\u00e9", "\uff22ar"]),
        ({"unicode": "none"}, ["Caf\u00e9", "cafe\u0301", "caf\u00e9", "\uff22ar"]),
        ({"unicode": "NFKC"}, ["Bar", "Caf\u00e9", "caf\u00e9"]),
        ({"case": "lower"}, ["caf\u00e9", "\uff42ar"]),
        ({"case": "upper", "unicode": "NFKC"}, ["BAR", "CAF\u00c9"]),
    ],
)
def test_text_cells_have_one_way_to_be_written(prepared, text, values):
    columns = {"x": ["caf\u00e9", "cafe\u0301", "Caf\u00e9", "\uff22ar"] * 8, "y": LETTERS * 2}

    data = prepared(columns, data={"target": "y", "split": TIME}, cleaning={"text": text})

    assert data.recipe["encoding"]["categories"][0]["values"] == values


def test_characters_around_words_are_removed_when_named(prepared):
    columns = {"x": ["u.", "u", " .u. ", "v.v"] * 4, "y": ["yes.", "no", "yes", "no."] * 4}

    data = prepared(columns, data={"target": "y", "split": TIME}, cleaning={"text": {"strip": "."}})

    assert data.recipe["encoding"]["categories"][0]["values"] == ["u", "v.v"]
    assert data.signature.classes == ("no", "yes")
    encoding, _ = restore(json.loads(json.dumps(data.recipe)))
    assert encoding.encode([{"x": "u ."}])["categories"].tolist() == [[2]]


def test_a_target_is_tidied_like_other_words(prepared):
    columns = {"x": range(16), "y": ["Yes ", "no", "yes", "NO"] * 4}

    assert prepared(columns, data={"target": "y"}, cleaning={"text": {"case": "lower"}}).signature.classes == (
        "no",
        "yes",
    )


def test_zeros_are_missing_in_the_column_that_says_so(prepared):
    columns = {"insulin": [0, 5, 0, 7] * 4, "children": [0, 1, 0, 2] * 4, "y": LETTERS}
    features = {"insulin": {"missing_values": ["0"]}, "*": {}}

    data = prepared(columns, data={"target": "y", "split": TIME, "features": features})

    assert data.train.inputs["numbers"].isnan().sum(0).tolist() == [4, 0]
    assert data.report["filled"] == {"insulin": 4}


def test_stray_words_in_a_column_of_numbers_are_missing_up_to_a_limit(prepared):
    columns = {"n": [*map(str, range(38)), "about 3", "x7"], "y": LETTERS[:8] * 5}
    asked = {"target": "y", "split": TIME, "features": {"n": {"type": "number"}}}

    data = prepared(columns, data=asked)

    assert data.report["coerced"] == {"n": 2}
    assert data.test.inputs["numbers"][-2:].isnan().all()
    with pytest.raises(InvalidData, match=r"^column 'n', data row 39: 'about 3' is no number; 2 of 40 rows"):
        prepared(columns, data=asked, cleaning={"max_coerced": 0.04})


def test_classes_that_neighbours_contradict_are_named(prepared):
    random = np.random.default_rng(0)
    kinds = np.arange(60) % 2
    columns = {"x": random.normal(size=60) + 10 * kinds, "z": random.normal(size=60), "y": kinds.copy()}
    columns["y"][[4, 17]] = 1 - columns["y"][[4, 17]]
    split = {"type": "time", "train": 0.8, "validation": 0.1, "test": 0.1}

    document = {"task": "classification", "data": {"target": "y", "split": split}}
    noise = prepared(columns, cleaning={"noise": "label_noise_report"}, **document).report["label_noise"]

    assert (noise["rows_asked"], noise["suspicious"], sorted(noise["data_rows"])) == (48, 2, [5, 18])
    assert prepared(columns, **document).report["label_noise"] is None


def test_suspicious_rows_are_named_by_their_place_in_the_data(prepared):
    kinds = [number % 2 for number in range(60)]
    values = [10.0 * kind + 0.01 * number for number, kind in enumerate(kinds)]
    columns = {"x": values, "y": ["a" if kind else "b" for kind in kinds]}
    columns["y"][0] = None
    columns["y"][8] = "a"
    split = {"type": "time", "train": 0.8, "validation": 0.1, "test": 0.1}

    report = prepared(columns, data={"target": "y", "split": split}, cleaning={"noise": "label_noise_report"}).report

    assert report["label_noise"]["data_rows"] == [9]


@pytest.mark.parametrize("noise", ["median_filter", "moving_average"])
def test_smoothing_is_for_series(prepared, noise):
    with pytest.raises(InvalidSpec, match="smooths series"):
        prepared({"x": range(16), "y": LETTERS}, data={"target": "y"}, cleaning={"noise": noise})


@pytest.mark.parametrize("cleaning", [{"noise": "label_noise_report"}, {"conflicting_labels": "drop"}])
def test_classes_are_needed_to_doubt_them(prepared, cleaning):
    with pytest.raises(InvalidSpec, match="classes"):
        prepared({"x": range(16), "y": [n * 1.5 for n in range(16)]}, data={"target": "y"}, cleaning=cleaning)
