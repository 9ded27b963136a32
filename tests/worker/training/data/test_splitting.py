"""Splits: shares to the row, classes in every part, repeats on one side, time in order."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InvalidData
from models.spec.data import ColumnSplit, GroupSplit, OfficialSplit, RandomSplit, StratifiedSplit, TimeSplit
from worker.training.data.splitting import TEST, TRAIN, VALIDATION, Rows, split


def counts(parts: np.ndarray) -> list[int]:
    return np.bincount(parts, minlength=3).tolist()


@pytest.mark.parametrize("num", [4, 7, 10, 150, 1797, 32561])
def test_shares_are_kept_to_the_row(num):
    parts, _ = split(RandomSplit(), Rows(num), seed=1)

    test = max(1, round(num * 0.15))
    assert counts(parts)[TEST] == test
    assert counts(parts)[VALIDATION] == max(1, round((num - test) * 0.15 / 0.85))


def test_the_split_is_a_function_of_the_seed():
    first, again, other = (split(RandomSplit(), Rows(500), seed=seed)[0] for seed in (1, 1, 2))

    assert (first == again).all()
    assert (first != other).any()


def test_every_row_is_as_likely_to_test():
    tested = sum(split(RandomSplit(), Rows(40), seed=seed)[0] == TEST for seed in range(600))

    assert np.abs(tested / 600 - 0.15).max() < 0.06  # four standard deviations


def test_stratified_parts_have_the_classes_in_proportion():
    labels = np.repeat([0, 1, 2], [900, 90, 10])
    np.random.default_rng(0).shuffle(labels)

    parts, warnings = split(StratifiedSplit(), Rows(1000, labels=labels), seed=3)

    assert counts(parts) == [700, 150, 150]
    for label, num in enumerate([900, 90, 10]):
        assert np.abs(np.array(counts(parts[labels == label])) - np.array([0.7, 0.15, 0.15]) * num).max() <= 1.5
    assert warnings == []


@pytest.mark.parametrize("how", [StratifiedSplit(), RandomSplit()])
@pytest.mark.parametrize("seed", range(20))
def test_every_class_trains_however_rare(how, seed):
    labels = np.array([0] * 30 + [1] * 30 + [2, 3, 4])

    parts, _ = split(how, Rows(len(labels), labels=labels), seed=seed)

    assert set(labels[parts == TRAIN]) == {0, 1, 2, 3, 4}


def test_rows_with_one_key_stay_together():
    keys = np.random.default_rng(0).integers(0, 400, 1000).astype(np.uint64)
    labels = (keys % 3).astype(np.int64)

    parts, _ = split(StratifiedSplit(), Rows(1000, labels=labels, keys=keys), seed=5)

    assert all(len(set(parts[keys == key])) == 1 for key in np.unique(keys))
    assert np.abs(np.array(counts(parts)) / 1000 - [0.7, 0.15, 0.15]).max() < 0.06


def test_time_puts_the_oldest_first_and_the_newest_last():
    times = np.random.default_rng(0).permutation(100)

    parts, _ = split(TimeSplit(column="t"), Rows(100, column=times), seed=1)

    assert times[parts == TRAIN].max() < times[parts == VALIDATION].min()
    assert times[parts == VALIDATION].max() < times[parts == TEST].min()
    assert counts(parts) == [70, 15, 15]


@pytest.mark.parametrize("num", [3, 4, 5])
def test_few_rows_in_time_still_make_three_parts(num):
    assert min(counts(split(TimeSplit(), Rows(num), seed=1)[0])) >= 1


def test_a_column_of_words_decides():
    words = np.array(["train", " Test", "val", "TRAIN", "validation", "test"], object)

    parts, _ = split(ColumnSplit(column="part"), Rows(6, column=words), seed=1)

    assert parts.tolist() == [TRAIN, TEST, VALIDATION, TRAIN, VALIDATION, TEST]


def test_without_validation_rows_a_stratified_part_of_train_is_set_aside():
    labels = np.array([0, 1] * 50)
    for how, rows in (
        (ColumnSplit(column="p"), Rows(100, labels=labels, column=np.array(["train"] * 80 + ["test"] * 20, object))),
        (OfficialSplit(), Rows(100, labels=labels, official=np.repeat([TRAIN, TEST], [80, 20]).astype(np.int8))),
    ):
        parts, _ = split(how, rows, seed=1)

        assert counts(parts) == [68, 12, 20]
        assert (parts[80:] == TEST).all()
        assert counts(labels[parts == VALIDATION]) == [6, 6, 0]


def test_a_strange_word_is_named_with_its_row():
    words = np.array(["train", "test", "holdout"], object)

    with pytest.raises(InvalidData, match=r"^column 'part', data row 3: 'holdout' is none of train, validation"):
        split(ColumnSplit(column="part"), Rows(3, column=words), seed=1)


@pytest.mark.parametrize(
    ("how", "rows", "message"),
    [
        (RandomSplit(), Rows(2), "of 2 rows none is left"),
        (ColumnSplit(column="p"), Rows(9, column=np.array(["train"] * 9, object)), "none is left to test"),
        (ColumnSplit(column="p"), Rows(9, column=np.array(["test"] * 9, object)), "none is left to train"),
        (TimeSplit(), Rows(9, labels=np.array([0] * 7 + [1] * 2)), "training rows are all of one class"),
    ],
)
def test_parts_that_cannot_be_used_are_refused(how, rows, message):
    with pytest.raises(InvalidData, match=message):
        split(how, rows, seed=1)


def test_classes_that_no_training_row_has_are_warned_of():
    labels = np.array([0, 1] * 8 + [2] * 4)

    assert split(TimeSplit(), Rows(20, labels=labels), seed=1)[1] == [
        "some classes have no training rows; the network cannot predict them"
    ]


@pytest.mark.parametrize("seed", range(10))
def test_groups_stay_whole_and_shares_are_kept_about(seed):
    group = np.random.default_rng(seed).integers(0, 60, 1000)
    parts, _ = split(GroupSplit(column="who"), Rows(1000, column=group), seed=seed)

    assert all(len(set(parts[group == one])) == 1 for one in np.unique(group))
    assert np.abs(np.array(counts(parts)) / 1000 - [0.7, 0.15, 0.15]).max() < 0.03


def test_groups_are_divided_by_the_seed():
    group = np.arange(200) // 4
    first, again, other = (split(GroupSplit(column="who"), Rows(200, column=group), seed=seed)[0] for seed in (1, 1, 2))

    assert (first == again).all()
    assert (first != other).any()


def test_three_groups_of_unlike_sizes_are_a_part_each():
    group = np.repeat(["big", "small", "tiny"], [96, 3, 1])

    parts, _ = split(GroupSplit(column="who"), Rows(100, column=group), seed=0)

    assert sorted(counts(parts)) == [1, 3, 96]
    assert counts(parts)[TRAIN] == 96


def test_the_column_of_the_groups_is_no_feature(prepared):
    columns = {"x": range(60), "who": [f"p{number // 3}" for number in range(60)], "y": ["a", "b"] * 30}
    data = prepared(columns, data={"target": "y", "split": {"type": "group", "column": "who"}})

    assert data.recipe["encoding"]["numbers"] == ["x"]
    assert data.recipe["encoding"]["categories"] == []
    held = [set((part.inputs["numbers"][:, 0] // 3).tolist()) for part in (data.train, data.validation, data.test)]
    assert not held[0] & held[1]
    assert not held[0] & held[2]
