"""Digests change with what training depends on, and with nothing else."""

from dataclasses import replace

import pytest
import torch

from models.spec import parse
from tests.worker.training.material import session_for
from worker.training import fingerprints


def of(**spec):
    return fingerprints.of_spec(parse({"data": {"dataset": "x"}, **spec}))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "x"},
        {"labels": {"a": "b"}},
        {"priority": 3},
        {"resources": {"pool": "big"}},
        {"retries": {"user": 1}},
        {"max_runtime": "1 h"},
        {"checkpoints": {"every": "1 epoch"}},
        {"training": {"precision": "bf16"}},
    ],
)
def test_who_runs_it_where_does_not_matter(change):
    assert of(**change) == of()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"data": {"dataset": "y"}},
        {"training": {"epochs": 3}},
        {"optimizer": "sgd"},
        {"network": "cnn"},
        {"preprocessing": {"number": {"impute": "mean"}}},
        {"early_stopping": None},
    ],
)
def test_what_training_depends_on_matters(change):
    assert of(**change) != of()


def changed(split, name, value):
    inputs = {key: tensor.clone() for key, tensor in split.inputs.items()}
    inputs[name].view(-1)[0] = value
    return replace(split, inputs=inputs)


def test_every_row_of_small_data_matters():
    data = session_for("flowers").data
    same = fingerprints.of_data(session_for("flowers").data)
    assert fingerprints.of_data(data) == same
    for part in ("train", "validation", "test"):
        other = replace(data, **{part: changed(getattr(data, part), "numbers", 9.0)})
        assert fingerprints.of_data(other) != same
    assert fingerprints.of_data(replace(data, test=data.validation)) != same


def test_large_data_is_sampled(monkeypatch):
    data = session_for("stripes").data
    monkeypatch.setattr(fingerprints, "MAX_BYTES", 64)
    first = fingerprints.of_data(data)
    assert fingerprints.of_data(replace(data, train=changed(data.train, "image", 255))) != first
    moved = {"image": data.train.inputs["image"].clone()}
    moved["image"][1] += torch.tensor(1, dtype=torch.uint8)
    assert fingerprints.of_data(replace(data, train=replace(data.train, inputs=moved))) == first
