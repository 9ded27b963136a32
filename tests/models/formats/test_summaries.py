"""Profiles against values counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.formats.sources import Images
from models.formats.summaries import profile


def test_a_table_is_profiled_column_by_column(read):
    content = "age,city,tall,born\n" + "".join(
        f"{age},{city},{tall},2020-01-0{day}\n"
        for age, city, tall, day in [(1, "a", "true", 1), (2, "b", "", 2), ("", "a", "false", 3), (3, "a", "true", 4)]
    )

    found = profile(read(content))

    assert (found.kind, found.rows, found.duplicates) == ("table", 4, 0)
    age, city, tall, born = found.columns
    assert (age.type, age.missing, age.unique, age.integer) == ("number", 1, 3, True)
    assert (age.minimum, age.maximum, age.mean) == (1.0, 3.0, 2.0)
    assert (city.type, city.missing, city.unique) == ("category", 0, 2)
    assert [(top.value, top.count) for top in city.top_values] == [("a", 3), ("b", 1)]
    assert (tall.type, tall.missing, [top.value for top in tall.top_values]) == ("boolean", 1, ["true", "false"])
    assert (born.type, born.minimum, born.maximum) == ("datetime", "2020-01-01T00:00:00", "2020-01-04T00:00:00")


@pytest.mark.parametrize(
    ("value", "type_"),
    [("Mr. No. {}", "text"), ("{}" + "x" * 50, "text"), ("ticket {}", "category"), ("same old thing", "category")],
)
def test_text_is_long_or_of_several_words_and_hardly_repeats(read, value, type_):
    content = "a\n" + "\n".join(value.format(number) for number in range(30))

    assert profile(read(content)).columns[0].type == type_


def test_outliers_are_counted_by_the_fences_of_tukey(read):
    numbers = [*range(1, 12), 100, -90]  # quartiles 3 and 9: the fences stand at -6 and 18

    column = profile(read("a\n" + "\n".join(map(str, numbers)))).columns[0]

    assert column.outliers_iqr == 2


def test_a_column_without_spread_has_no_outliers(read):
    assert profile(read("a\n" + "5\n" * 20 + "7\n")).columns[0].outliers_iqr == 0


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        ("a,b\n1,\n2,\n", "'b' is missing in every row"),
        ("a,b\n1,x\n2,x\n", "'b' has one value only"),
        ("a\n" + "\n".join(map(str, range(30))), "'a' looks like an identifier"),
        (
            "a\n" + "\n".join(f"n{n}" for n in range(30)),
            "'a' looks like an identifier",
        ),
        ("a,b\n1,2\n1,2\n", "1 row repeats an earlier row"),
    ],
)
def test_what_looks_wrong_is_warned_of(read, content, warning):
    assert any(warning in told for told in profile(read(content)).warnings)


def test_measurements_that_happen_to_differ_are_no_identifiers(read):
    rng = np.random.default_rng(0)

    assert profile(read("a\n" + "\n".join(map(str, rng.integers(0, 10**9, 50))))).warnings == ()


def test_images_are_profiled_by_class_size_and_part():
    pixels = np.zeros((4, 8, 6, 3), np.uint8)
    pixels[1:3] += np.array([1, 2], np.uint8).reshape(2, 1, 1, 1)
    split = np.array([0, 0, 2, 2], np.int8)

    found = profile(Images(pixels, np.array([0, 1, 1, 0]), ["cat", "dog", "emu"], split, ("a note",)))

    assert found.classes == {"cat": 2, "dog": 2, "emu": 0}
    assert found.image is not None
    assert (found.image.height, found.image.width, found.image.channels, found.image.varied) == (8, 6, 3, False)
    assert found.split == {"train": 2, "test": 2}
    assert found.warnings == ("a note", "1 image repeats an earlier one of the same class")


def test_the_most_frequent_size_stands_for_varied_images():
    sizes = [np.zeros((4, 4, 1), np.uint8), np.ones((8, 4, 1), np.uint8), np.zeros((8, 4, 1), np.uint8)]

    image = profile(Images(sizes, np.zeros(3, np.int64), ["a"])).image

    assert image is not None
    assert (image.height, image.width, image.varied) == (8, 4, True)


def test_equal_data_has_an_equal_profile_whatever_the_order(read):
    lines = [f"{n % 7},{'xyz'[n % 3]}" for n in range(42)]

    assert profile(read("a,b\n" + "\n".join(lines))) == profile(read("a,b\n" + "\n".join(reversed(lines))))
