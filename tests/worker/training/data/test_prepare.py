"""Preparation as a whole: tasks, canaries, and bad data by its name."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from models.formats.sources import Images, Table

TIME = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}


def table(canary: bool, table_of) -> tuple[Table, dict]:
    rng = np.random.default_rng(0)
    columns = {
        "x": rng.normal(size=80),
        "gap": np.where(rng.random(80) < 0.3, np.nan, 1.0),
        "word": rng.choice(["u", "v"], 80).astype(object),
        "y": rng.choice(["a", "b"], 80).astype(object),
    }
    if canary:
        columns["x"][40:] *= 1e6
        columns["gap"][40:] = 1e9
        columns["word"][40:] = "canary"
    return table_of(columns), {"data": {"target": "y", "split": TIME}}


def regression(canary: bool, table_of) -> tuple[Table, dict]:
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=80), "y": rng.normal(size=80)}
    if canary:
        columns["x"][40:] += 1e6
        columns["y"][40:] += 1e6
    return table_of(columns), {"data": {"target": "y", "split": TIME}}


def series(canary: bool, table_of) -> tuple[Table, dict]:
    source, document = regression(canary, table_of)
    return source, {**document, "task": "forecasting", "preprocessing": {"series": {"window": 5}}}


def images(canary: bool, _table_of) -> tuple[Images, dict]:
    pixels = np.random.default_rng(0).integers(0, 100, (60, 4, 4, 3), dtype=np.uint8)
    if canary:
        pixels[40:] += 150
    return Images(pixels, np.arange(60) % 2, ["a", "b"], np.repeat([0, 1, 2], [40, 10, 10]).astype(np.int8)), {}


@pytest.mark.parametrize("kind", [table, regression, series, images])
@pytest.mark.parametrize("encoding", ["embedding", "ordinal"])
def test_a_canary_in_validation_and_test_rows_changes_nothing_that_was_fitted(prepared, table_of, kind, encoding):
    fitted = []
    for canary in (False, True):
        source, document = kind(canary, table_of)
        preprocessing = {**document.pop("preprocessing", {}), "category": {"encoding": encoding}}
        preprocessing["number"] = {"outliers": {"type": "iqr", "max_affected": 0.5}}
        fitted.append(prepared(source, preprocessing=preprocessing, **document))

    plain, planted = fitted
    assert json.dumps(plain.recipe) == json.dumps(planted.recipe)
    assert plain.signature == planted.signature
    buffers, others = plain.preprocessing.state_dict(), planted.preprocessing.state_dict()
    assert buffers.keys() == others.keys()
    assert all(torch.equal(buffers[name], others[name]) for name in buffers)
    for name, tensor in plain.train.inputs.items():
        assert torch.equal(tensor.nan_to_num(-1), planted.train.inputs[name].nan_to_num(-1))
    differs = [not torch.equal(tensor, planted.test.inputs[name]) for name, tensor in plain.test.inputs.items()]
    assert all(differs)


def test_preparing_twice_gives_the_same_bits(prepared, table_of):
    source, document = table(False, table_of)
    document["data"]["split"] = "random"

    first, second = (prepared(source, **document) for _ in range(2))

    for part in ("train", "validation", "test"):
        for name, tensor in getattr(first, part).inputs.items():
            assert torch.equal(tensor.nan_to_num(-1), getattr(second, part).inputs[name].nan_to_num(-1))


def test_preprocessing_has_buffers_and_no_parameters(prepared, table_of):
    for kind in (table, series, images):
        source, document = kind(False, table_of)
        module = prepared(source, **document).preprocessing
        assert not list(module.parameters())
        assert list(module.buffers())


@pytest.mark.parametrize("readers", ["imported", "used"])
def test_a_forked_process_reads_and_prepares_whatever_its_parent_did_with_the_readers(readers):
    code = """
import os, sys, torch
torch.set_num_threads(1)
from models import formats
from models.samples import sample
from models.spec import parse, resolve
from worker.training.data import prepare
def num_train(name):
    shipped = sample(name)
    source = formats.read(shipped.path, format=shipped.format, options=shipped.options)
    spec = resolve(parse({"data": {"dataset": name}}), shipped.profile)
    return len(prepare(spec, source, device=torch.device("cpu")).train)
if sys.argv[1] == "used":
    num_train("iris")
children = []
for name in ("iris", "digits", "airline_passengers"):
    child = os.fork()
    if not child:
        os._exit(0 if num_train(name) else 1)
    children.append(child)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""

    answer = subprocess.run([sys.executable, "-c", code, readers], capture_output=True, text=True, timeout=60)

    assert answer.stdout.strip() == "[0, 0, 0]", answer.stderr
