"""Every default and every `auto` made explicit against what is known of the data."""

import pytest

from models.errors import InvalidSpec
from models.profile import ColumnProfile, ImageShape, Profile, ValueCount
from models.samples import SAMPLES
from models.spec import document, parse, resolve


def column(name, kind="number", *, unique=100, **more):
    return ColumnProfile(name=name, type=kind, missing=0, unique=unique, **more)


TABLE = Profile(
    kind="table",
    rows=1000,
    columns=(
        column("age"),
        column("job", "category", unique=7),
        column("member", "boolean", unique=2),
        column("note", "text", unique=990),
        column("day", "datetime", unique=365),
        column("part", "category", unique=3, top_values=(ValueCount(value="train", count=700),)),
        column("grade", integer=True, unique=5),
        column("income"),
    ),
)

IMAGES = Profile(
    kind="images", rows=2000, classes={"a": 1000, "b": 1000}, image=ImageShape(height=9, width=7, channels=3)
)


def resolved(profile=TABLE, **spec):
    data = {"dataset": "ds_1", **spec.pop("data", {})}
    return resolve(parse({"data": data, **spec}), profile)


def mistakes(profile=TABLE, **spec):
    with pytest.raises(InvalidSpec) as caught:
        resolved(profile, **spec)
    return {error.pointer: error.detail for error in caught.value.errors}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_sample_is_complete_by_its_name_alone(name):
    spec = resolve(parse({"data": {"dataset": name}}), SAMPLES[name].profile)
    assert "auto" not in (spec.task, spec.network.type, spec.loss.type, spec.data.split.type, spec.training.batch_size)
    assert spec.evaluation.metrics != "auto"
    assert "*" not in spec.data.features
    assert parse(document(spec)) == spec
    assert resolve(spec, SAMPLES[name].profile) == spec


def test_many_classes_are_not_ranked_one_by_one():
    many = TABLE.model_copy(update={"columns": (column("age"), column("town", "category", unique=101))})
    assert resolved(many, data={"target": "town"}).evaluation.metrics == ("accuracy", "f1_macro", "top5")


def test_a_classification_of_a_table():
    spec = resolved(data={"target": "job"})
    assert spec.task == "classification"
    assert spec.network.type == "mlp"
    assert spec.network.norm == "batch"
    assert spec.loss.type == "cross_entropy"
    assert spec.data.split.type == "stratified"
    assert spec.evaluation.metrics == ("accuracy", "f1_macro", "auroc")


def test_a_regression_of_a_table():
    spec = resolved(data={"target": "income"})
    assert (spec.task, spec.loss.type, spec.data.split.type) == ("regression", "mse", "random")
    assert spec.evaluation.metrics == ("rmse", "mae", "r2")


def test_whole_numbers_of_which_there_are_few_are_classes():
    assert resolved(data={"target": "grade"}).task == "classification"
    assert resolved(data={"target": "grade"}, task="regression").task == "regression"
    assert resolved(data={"target": "age"}).task == "regression"


def test_features_are_named_with_their_types_and_text_and_times_are_left_out():
    spec = resolved(data={"target": "income", "ignore": ["grade"]})
    assert {name: feature.type for name, feature in spec.data.features.items()} == {
        "age": "number",
        "job": "category",
        "member": "category",
        "part": "category",
    }
    assert spec.data.ignore == ("note", "day", "grade")


def test_only_named_features_are_used_unless_a_star_stands_for_the_rest():
    assert list(resolved(data={"target": "income", "features": {"age": "number"}}).data.features) == ["age"]
    starred = resolved(data={"target": "income", "features": {"note": "category", "*": "auto"}}).data.features
    assert starred["note"].type == "category"
    assert "age" in starred


def test_the_column_of_a_split_is_no_feature():
    spec = resolved(data={"target": "income", "split": {"type": "column", "column": "part"}})
    assert "part" not in spec.data.features
    assert "part" not in spec.data.ignore


def test_images_keep_their_size_and_get_a_cnn():
    spec = resolved(IMAGES)
    assert (spec.task, spec.network.type) == ("classification", "cnn")
    assert spec.preprocessing.image.size == (9, 7)
    assert spec.preprocessing.image.channels == 3
    assert spec.data.features == {}


def test_a_split_that_the_data_brings_is_taken():
    official = IMAGES.model_copy(update={"split": {"train": 1600, "test": 400}})
    assert resolved(official).data.split.type == "official"
    assert resolved(official, data={"split": "random"}).data.split.type == "random"
    assert resolved(official).training.batch_size == 32


def test_a_forecast_looks_back_on_numbers_in_order_of_the_only_time_column():
    spec = resolved(data={"target": "income"}, task="forecasting")
    assert (spec.network.type, spec.loss.type) == ("lstm", "mse")
    assert (spec.data.split.type, spec.data.split.column) == ("time", "day")
    assert list(spec.data.features) == ["age", "grade", "income"]


def test_a_forecast_reads_categories_and_times_when_it_is_told_to():
    named = {"job": "category", "day": "calendar", "age": "number"}
    spec = resolved(data={"target": "income", "features": named}, task="forecasting")
    assert {name: one.type for name, one in spec.data.features.items()} == {**named, "income": "number"}
    assert spec.data.split.column == "day"
    assert "day" not in spec.data.ignore
    assert resolve(spec, TABLE) == spec


def test_a_recurrent_network_on_a_table_means_a_forecast():
    assert resolved(data={"target": "income"}, network="gru").task == "forecasting"


@pytest.mark.parametrize(("rows", "size"), [(100, 32), (3_000, 32), (10_000, 128), (32_000, 512), (10**7, 1024)])
def test_the_batch_size_goes_by_the_number_of_training_rows(rows, size):
    profile = TABLE.model_copy(update={"rows": rows})
    assert resolved(profile, data={"target": "income"}).training.batch_size == size


def test_a_batch_size_that_is_given_is_kept():
    for size in (1, 7, "full"):
        assert resolved(data={"target": "income"}, training={"batch_size": size}).training.batch_size == size


def test_small_batches_are_not_normalized_over_themselves():
    small = {"training": {"batch_size": 1}}
    assert resolved(data={"target": "income"}, **small).network.norm == "layer"
    assert resolved(IMAGES, **small).network.norm == "none"
    assert mistakes(IMAGES, network={"type": "cnn", "norm": "batch"}, **small) == {
        "#/network/norm": "cannot be batch with a batch_size of 1: one row has no deviation"
    }


@pytest.mark.parametrize(
    ("spec", "pointer", "detail"),
    [
        ({}, "#/data/target", "is required; the columns are age, job, member"),
        ({"data": {"target": "wage"}}, "#/data/target", "there is no column 'wage'; the columns are age, job"),
        ({"data": {"target": "job", "ignore": ["x"]}}, "#/data/ignore/0", "there is no column 'x'"),
        ({"data": {"target": "job", "ignore": ["job"]}}, "#/data/ignore/0", "'job' is the target"),
        ({"data": {"target": "job", "features": {"a/b": "auto"}}}, "#/data/features/a~1b", "there is no column 'a/b'"),
        (
            {"data": {"target": "job", "features": {"note": "number"}}},
            "#/data/features/note",
            "cannot be read as a number",
        ),
        ({"data": {"target": "job", "features": {"day": "auto"}}}, "#/data/features", "leave no column to learn from"),
        (
            {"data": {"target": "job", "split": {"type": "column", "column": "x"}}},
            "#/data/split/column",
            "there is no column 'x'",
        ),
        ({"data": {"target": "job", "split": "official"}}, "#/data/split/type", "this data brings no split"),
        ({"data": {"target": "income", "split": "stratified"}}, "#/data/split/type", "regression has no classes"),
        ({"data": {"target": "income", "split": "random"}, "task": "forecasting"}, "#/data/split/type", "must be time"),
        ({"data": {"target": "job"}, "task": "forecasting"}, "#/data/target", "a forecast needs numbers"),
        (
            {"data": {"target": "income", "features": {"job": "calendar"}}, "task": "forecasting"},
            "#/data/features/job",
            "cannot be read as times: it holds category values",
        ),
        (
            {
                "data": {"target": "income", "features": {"job": "category"}},
                "task": "forecasting",
                "preprocessing": {"category": {"encoding": "ordinal"}},
            },
            "#/preprocessing/category/encoding",
            "cannot be ordinal for a forecast",
        ),
        ({"data": {"target": "job"}, "network": "cnn"}, "#/network/type", "does not read this data (table)"),
        ({"data": {"target": "job"}, "loss": "mse"}, "#/loss/type", "mse does not fit classification"),
        ({"data": {"target": "income"}, "loss": "cross_entropy"}, "#/loss/type", "does not fit regression"),
        (
            {"data": {"target": "job"}, "evaluation": {"metrics": ["accuracy", "rmse"]}},
            "#/evaluation/metrics/1",
            "rmse does not fit classification",
        ),
        (
            {"data": {"target": "job"}, "early_stopping": {"monitor": "validation/rmse"}},
            "#/early_stopping/monitor",
            "these are: validation/loss, validation/accuracy",
        ),
    ],
)
def test_what_does_not_fit_the_data_is_named_with_its_place(spec, pointer, detail):
    found = mistakes(**spec)
    assert list(found) == [pointer]
    assert detail in found[pointer]


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"data": {"target": "a"}}, "#/data/target"),
        ({"data": {"features": {"age": "auto"}}}, "#/data/features/age"),
        ({"data": {"ignore": ["age"]}}, "#/data/ignore/0"),
        ({"data": {"split": {"type": "column", "column": "part"}}}, "#/data/split/column"),
        ({"task": "regression"}, "#/task"),
        ({"network": "lstm"}, "#/network/type"),
    ],
)
def test_images_have_no_columns(spec, pointer):
    assert list(mistakes(IMAGES, **spec)) == [pointer]


def test_imagenet_statistics_need_three_channels():
    grey = {"preprocessing": {"image": {"channels": 1, "standardize": "imagenet"}}}
    assert list(mistakes(IMAGES, **grey)) == ["#/preprocessing/image/standardize"]


def test_a_class_that_is_alone_cannot_be_learned():
    lonely = TABLE.model_copy(update={"columns": (column("age"), column("job", "category", unique=1))})
    assert mistakes(lonely, data={"target": "job"}) == {
        "#/data/target": "has one class only; there is nothing to learn"
    }


def test_stochastic_depth_needs_blocks_to_leave_out():
    deep = {"regularization": {"stochastic_depth": 0.1}, "data": {"target": "job"}}
    assert mistakes(**deep) == {"#/regularization/stochastic_depth": "needs a network with skips; mlp has none"}
    skipping = {"type": "mlp", "hidden": [8, 8], "skip": True}
    assert resolved(**deep, network=skipping).regularization.stochastic_depth == 0.1
