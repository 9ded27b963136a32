"""A document becomes a spec, or one exact pointer and one plain sentence per mistake."""

import json

import pytest

from models.errors import BadRequest, InvalidSpec
from models.spec import JobSpec, document, parse
from models.spec.layout import fields, is_union, sections, type_name

DATA = {"dataset": "digits"}


def mistakes(spec):
    with pytest.raises(InvalidSpec) as caught:
        parse(spec)
    return {error.pointer: error.detail for error in caught.value.errors}


def with_data(**spec):
    return {"data": DATA, **spec}


def test_naming_a_dataset_is_a_complete_job():
    spec = parse(b'{"data": {"dataset": "digits"}}')
    assert (spec.optimizer.type, spec.optimizer.learning_rate, spec.seed) == ("adamw", 0.003, 42)
    assert spec.early_stopping.restore_best
    assert spec.network.type == spec.loss.type == spec.task == spec.data.split.type == "auto"


def test_every_default_is_visible_in_the_document_and_reads_back_as_the_same_spec():
    written = document(parse(with_data()))
    assert written["schedule"] == {"type": "cosine", "warmup": "5%", "final": 0.01}
    assert written["regularization"]["gradient_clip"] == {"norm": 1.0, "value": None}
    assert document(parse(json.dumps(written).encode())) == written


def members():
    for name, field in JobSpec.model_fields.items():
        if is_union(field.annotation):
            whole = (section for section in sections(field.annotation) if not is_short_of_something(section))
            yield from ((name, type_name(section)) for section in whole)


def is_short_of_something(section):
    return any(field.is_required() for field in section.model_fields.values())


@pytest.mark.parametrize(("section", "name"), list(members()))
def test_a_bare_string_means_the_type_with_its_defaults(section, name):
    short, long = parse(with_data(**{section: name})), parse(with_data(**{section: {"type": name}}))
    assert short == long
    found = getattr(short, section)
    assert (found[0] if section == "augmentation" else found).type == name
    assert parse(document(short)) == short


def test_null_switches_a_section_off():
    off = dict.fromkeys(("schedule", "early_stopping", "regularization", "cleaning"))
    spec = parse(with_data(**off, preprocessing={"number": None}))
    assert spec.schedule.type == "constant"
    assert spec.early_stopping is None
    assert spec.regularization.gradient_clip is None
    assert (spec.cleaning.duplicates, spec.cleaning.missing_values, spec.cleaning.text.strip) == ("keep", (), False)
    assert (spec.preprocessing.number.scale, spec.preprocessing.number.missing_indicator) == ("none", False)


@pytest.mark.parametrize("section", ["data", "network", "loss", "optimizer", "training", "checkpoints", "resources"])
def test_a_section_that_cannot_be_switched_off_refuses_null(section):
    assert mistakes({"data": DATA, section: None}) == {f"#/{section}": "must be an object"}


def test_a_spec_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        parse(with_data()).seed = 1


@pytest.mark.parametrize(
    ("spec", "pointer", "detail"),
    [
        ({}, "#/data", "is required"),
        (with_data(netwrok="mlp"), "#/netwrok", "is not a field; did you mean `network`?"),
        (with_data(epochs=3), "#/epochs", "is not a field here; there is `training.epochs`"),
        (with_data(network={"type": "mlp", "mlp": 3}), "#/network/mlp", "is not a field of mlp; the fields are"),
        (
            with_data(optimizer={"type": "adam", "weight_decay": 1}),
            "#/optimizer/weight_decay",
            "is not a field of adam; there is `optimizer(sgd).weight_decay` and `optimizer(adamw).weight_decay`",
        ),
        (with_data(network="mpl"), "#/network", "must be one of 'auto', 'mlp', 'tabm', 'cnn', 'resnet', 'rnn'"),
        (with_data(network={"type": "mpl"}), "#/network/type", "must be one of 'auto', 'mlp', 'tabm', 'cnn'"),
        (with_data(network={"hidden": [3]}), "#/network", "must be an object with a `type`, or the type's name"),
        (with_data(optimizer={"type": "adam", "learning_rate": "fast"}), "#/optimizer/learning_rate", "valid number"),
        (with_data(optimizer={"type": "adam", "betas": [0.9]}), "#/optimizer/betas/1", "is required"),
        (with_data(optimizer={"type": "sgd", "momentum": 0.0, "nesterov": True}), "#/optimizer", "nesterov needs"),
        (with_data(network={"type": "mlp", "hidden": [8, 0]}), "#/network/hidden/1", "greater than or equal to 1"),
        (with_data(network={"type": "mlp", "hidden": 8}), "#/network/hidden", "must be a list"),
        (with_data(training={"epochs": True}), "#/training/epochs", "must be a valid integer"),
        (with_data(training={"epochs": "3"}), "#/training/epochs", "must be a valid integer"),
        (with_data(training={"epochs": 3.0}), "#/training/epochs", "must be a valid integer"),
        (with_data(training={"batch_size": 0}), "#/training/batch_size", "must be 'auto' or 'full' or greater than"),
        (with_data(training={"batch_size": 1.5}), "#/training/batch_size", "'auto' or 'full' or a valid integer"),
        (with_data(evaluation={"metrics": ["acc"]}), "#/evaluation/metrics/0", "must be 'accuracy'"),
        (with_data(evaluation={"metrics": []}), "#/evaluation/metrics", "at least 1 item"),
        (
            with_data(loss={"type": "cross_entropy", "class_weight": {"a": 0}}),
            "#/loss/class_weight/a",
            "greater than 0",
        ),
        (with_data(loss={"type": "cross_entropy", "class_weight": 3}), "#/loss/class_weight", "must be 'none' or"),
        (with_data(preprocessing={"image": {"size": [8, True]}}), "#/preprocessing/image/size/1", "valid integer"),
        (with_data(preprocessing={"image": {"channels": True}}), "#/preprocessing/image/channels", "must be 'auto' or"),
        (
            with_data(preprocessing={"image": {"channels": 2}}),
            "#/preprocessing/image/channels",
            "must be 'auto' or 1 or 3",
        ),
        (with_data(schedule={"type": "step", "every": "0%"}), "#/schedule/every", "must be greater than 0"),
        (with_data(schedule={"type": "cosine", "warmup": "soon"}), "#/schedule/warmup", 'is written "1 epoch"'),
        (
            with_data(checkpoints={"every": "5%"}),
            "#/checkpoints/every",
            'write "auto", "1 epoch", "500 steps" or "60 s"',
        ),
        (with_data(max_runtime="2"), "#/max_runtime", "a positive number with a unit"),
        (with_data(regularization={"gradient_clip": {}}), "#/regularization/gradient_clip", "either norm or value"),
        (with_data(name="a\nb"), "#/name", "control characters"),
        (with_data(name="x" * 201), "#/name", "at most 200 characters"),
        (with_data(labels={"a b": "x"}), "#/labels/a b", "must match"),
        (with_data(labels={"a/b": 3}), "#/labels/a~1b", "must be a valid string"),
        (with_data(labels={"a": "x" * 257}), "#/labels/a", "at most 256 characters"),
        (with_data(labels={str(n): "" for n in range(65)}), "#/labels", "at most 64 items"),
        (with_data(seed=-1), "#/seed", "greater than or equal to 0"),
        (with_data(resources={"pool": "a b"}), "#/resources/pool", "must match"),
        ({"data": {"dataset": ""}}, "#/data/dataset", "must match"),
        ({"data": {**DATA, "features": {"age/x": {"type": "numbr"}}}}, "#/data/features/age~1x/type", "must be 'auto'"),
        ({"data": {**DATA, "split": {"type": "random", "train": 0.9}}}, "#/data/split", "must sum to 1, not to 1.2"),
        ({"data": {**DATA, "split": {"type": "column"}}}, "#/data/split/column", "is required"),
        (
            with_data(preprocessing={"number": {"outliers": {"type": "iqr", "k": 0}}}),
            "#/preprocessing/number/outliers/k",
            "greater than 0",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_in_what_was_sent(spec, pointer, detail):
    found = mistakes(spec)
    assert list(found) == [pointer]
    assert detail in found[pointer]


def test_every_mistake_is_told_at_once():
    found = mistakes({"data": DATA, "optimizer": {"type": "adam", "learning_rate": 0}, "traning": {}, "seed": "x"})
    assert list(found) == ["#/optimizer/learning_rate", "#/seed", "#/traning"]


def test_the_summary_counts_the_mistakes_and_quotes_the_first():
    with pytest.raises(InvalidSpec, match=r"The job spec has 2 mistakes: #/seed must be a valid integer; #/x is not"):
        parse(with_data(seed="x", x=1))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_no_json(number):
    with pytest.raises(BadRequest, match="not valid JSON"):
        parse(f'{{"data": {{"dataset": "digits"}}, "regularization": {{"l1": {number}}}}}'.encode())


def test_a_number_too_large_to_be_finite_is_refused():
    body = b'{"data": {"dataset": "digits"}, "regularization": {"l1": 1e999}}'
    assert mistakes(body) == {"#/regularization/l1": "must be a finite number"}


@pytest.mark.parametrize("body", [b"", b"{", b'{"data": ', b"\xff", b"[" * 10_000])
def test_bytes_that_are_no_json_are_a_bad_request(body):
    with pytest.raises(BadRequest, match="not valid JSON"):
        parse(body)


@pytest.mark.parametrize("body", [b"[]", b"3", b'"digits"', b"null"])
def test_json_that_is_no_object_is_refused(body):
    assert mistakes(body) == {"#": "must be an object"}


def test_values_that_json_cannot_carry_are_refused():
    assert list(mistakes({"data": {"dataset": {"digits"}}})) == ["#"]
    assert list(mistakes(with_data(seed=float("nan")))) == ["#"]


def test_the_tree_of_sections_is_walked_with_union_members_named():
    paths = {path for _, path in fields(JobSpec)}
    assert {"data.split", "data.split(time).column", "optimizer(sgd).momentum", "preprocessing.number.scale"} <= paths


def test_a_rate_alone_is_the_rate_of_the_default_optimizer():
    spec = parse({"data": {"dataset": "digits"}, "optimizer": {"learning_rate": 0.01}, "schedule": {"warmup": "10%"}})
    assert (spec.optimizer.type, spec.optimizer.learning_rate) == ("adamw", 0.01)
    assert (spec.schedule.type, spec.schedule.warmup) == ("cosine", "10%")


def test_a_mistake_in_a_section_without_a_type_is_placed_in_what_was_sent():
    with pytest.raises(InvalidSpec) as refused:
        parse({"data": {"dataset": "digits"}, "optimizer": {"learning_rat": 0.01}})
    (mistake,) = refused.value.errors
    assert mistake.pointer == "#/optimizer/learning_rat"
    assert "learning_rate" in mistake.detail
