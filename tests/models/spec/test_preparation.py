"""What cleaning and preprocessing need of the task and the split is checked before a job is queued."""

import pytest

from models.errors import InvalidSpec
from models.profile import ColumnProfile, Profile, ValueCount
from models.spec import parse, resolve


def column(name, kind="number", *, values=()):
    top = tuple(ValueCount(value=value, count=1) for value in values)
    return ColumnProfile(name=name, type=kind, missing=0, unique=100, top_values=top)


TABLE = Profile(
    kind="table",
    rows=1000,
    columns=(
        column("x"),
        column("mixed", "category", values=("about 3", "7", "8.5")),
        column("word", "category", values=("red", "blue")),
        column("day", "datetime"),
        column("who", "category", values=("p1",)),
        column("kind", "category", values=("a", "b")),
        column("price"),
    ),
)


def resolved(**spec):
    data = {"dataset": "ds_1", "target": "kind", **spec.pop("data", {})}
    return resolve(parse({"data": data, **spec}), TABLE)


def pointers(**spec):
    with pytest.raises(InvalidSpec) as caught:
        resolved(**spec)
    return [error.pointer for error in caught.value.errors]


@pytest.mark.parametrize("noise", ["median_filter", "moving_average"])
def test_smoothing_needs_a_series(noise):
    assert pointers(cleaning={"noise": noise}) == ["#/cleaning/noise/type"]
    forecast = resolved(task="forecasting", data={"target": "price"}, cleaning={"noise": noise})
    assert forecast.cleaning.noise.steps == 3


def test_doubts_about_labels_need_classes():
    number = {"data": {"target": "price"}}
    assert pointers(cleaning={"noise": "label_noise_report"}, **number) == ["#/cleaning/noise/type"]
    assert pointers(cleaning={"conflicting_labels": "drop"}, **number) == ["#/cleaning/conflicting_labels"]
    assert resolved(cleaning={"noise": "label_noise_report", "conflicting_labels": "drop"}).task == "classification"


def test_filling_forward_needs_an_order():
    forward = {"preprocessing": {"number": {"impute": "forward_fill"}}}
    assert pointers(**forward) == ["#/preprocessing/number/impute"]
    assert resolved(data={"split": {"type": "time", "column": "day"}}, **forward).data.split.type == "time"
    assert resolved(task="forecasting", data={"target": "price"}, **forward).task == "forecasting"


def test_a_column_of_words_and_numbers_may_be_read_as_numbers():
    assert resolved(data={"features": {"mixed": "number"}}).data.features["mixed"].type == "number"
    assert pointers(data={"features": {"word": "number"}}) == ["#/data/features/word"]
    assert pointers(data={"features": {"day": "number"}}) == ["#/data/features/day"]


def test_a_split_by_group_names_a_column_that_is_no_feature():
    spec = resolved(data={"split": {"type": "group", "column": "who"}})
    assert "who" not in spec.data.features
    assert pointers(data={"split": {"type": "group", "column": "whom"}}) == ["#/data/split/column"]


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ({"number": {"neighbours": 0}}, "neighbours"),
        ({"number": {"outliers": {"type": "quantile", "low": 0.6}}}, "low"),
        ({"number": {"outliers": {"type": "iqr", "action": "delete"}}}, "action"),
        ({"number": {"scale": "ranks"}}, "scale"),
        ({"category": {"min_count": 0}}, "min_count"),
        ({"series": {"target_scale": "log"}}, "target_scale"),
    ],
)
def test_what_no_preprocessing_is_is_named(section, value):
    assert pointers(preprocessing=section)[0].endswith(value)
