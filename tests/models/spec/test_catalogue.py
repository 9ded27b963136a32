"""The catalogue tells what a spec may name, from the very classes that read it."""

import json

from models.spec import JobSpec, catalogue, parse


def test_every_union_is_listed_with_its_types():
    types = {plural: [entry.type for entry in entries] for plural, entries in catalogue().items()}
    assert types["optimizers"][:3] == ["sgd", "adam", "adamw"]
    assert {"lion", "muon", "lbfgs"} < set(types["optimizers"])
    assert types["networks"] == [
        "auto",
        "mlp",
        "tabm",
        "cnn",
        "resnet",
        "rnn",
        "lstm",
        "gru",
        "tcn",
        "transformer",
        "layers",
    ]
    assert {"cosine", "step"} < set(types["schedules"])
    assert {"data", "training", "early_stopping", "retries"} < set(types["sections"])


def test_every_entry_and_every_field_is_described():
    for plural, entries in catalogue().items():
        for entry in entries:
            assert entry.description, (plural, entry.type)
            for field in entry.fields:
                assert field.description, (plural, entry.type, field.name)


def test_every_top_level_field_is_described():
    assert all(field.description for field in JobSpec.model_fields.values())


def test_defaults_are_those_that_a_spec_gets():
    sgd = next(entry for entry in catalogue()["optimizers"] if entry.type == "sgd")
    spec = parse({"data": {"dataset": "digits"}, "optimizer": "sgd"})
    assert {field.name: field.default for field in sgd.fields} == spec.optimizer.model_dump(exclude={"type"})


def test_what_has_no_default_is_required():
    data = next(entry for entry in catalogue()["sections"] if entry.type == "data")
    assert [field.name for field in data.fields if field.required] == ["dataset"]


def test_defaults_are_plain_json():
    for entries in catalogue().values():
        for entry in entries:
            defaults = [field.default for field in entry.fields]
            assert json.loads(json.dumps(defaults, allow_nan=False)) == defaults
