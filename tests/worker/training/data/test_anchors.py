"""What forecasts are told relative to, computed by hand, and back in original units for everybody else."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from models.spec.network import Lstm
from worker.training.data import restore
from worker.training.networks import build
from worker.training.networks.anchored import Anchored

HALVES = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}
SERIES = np.cumsum(np.random.default_rng(0).normal(size=120)) + 50


def prepare_as(prepared, how, *, horizon=2, **more):
    series = {"window": 6, "horizon": horizon, "target_scale": how}
    return prepared(
        {"v": SERIES, "w": np.sin(np.arange(120.0)), **more},
        task="forecasting",
        data={"target": "v", "split": HALVES},
        preprocessing={"series": series},
    )


def original(data, values):
    return (values * data.signature.target_std + data.signature.target_mean).double().numpy()


def ready(data, part):
    return data.preprocessing(dict(part.inputs))


def windows(data, part):
    return part.inputs["series"][:, :, 0].double().numpy()


def test_differences_are_to_the_last_known_value(prepared):
    data = prepare_as(prepared, "difference")
    told = ready(data, data.test)
    assert original(data, told["level"]) == pytest.approx(windows(data, data.test)[:, [-1, -1]], rel=1e-5)
    train = original(data, data.train.targets) - windows(data, data.train)[:, -1:]
    usual = np.sqrt((train**2).mean(0)) / data.signature.target_std
    assert told["spread"][0].numpy() == pytest.approx(usual, rel=1e-4)
    assert told["series"][:, -1, 0].abs().max().item() == pytest.approx(0, abs=1e-6)


def test_a_window_has_a_mean_and_a_deviation_of_its_own(prepared):
    data = prepare_as(prepared, "per_window")
    told, seen = ready(data, data.test), windows(data, data.test)
    assert original(data, told["level"])[:, 0] == pytest.approx(seen.mean(1), rel=1e-5)
    assert told["spread"][:, 1].numpy() * data.signature.target_std == pytest.approx(seen.std(1), rel=1e-3)
    inside = (seen - seen.mean(1, keepdims=True)) / seen.std(1, keepdims=True)
    assert told["series"][:, :, 0].numpy() == pytest.approx(inside, abs=1e-2)


def test_residuals_are_those_of_least_squares_on_the_training_windows(prepared):
    data = prepare_as(prepared, "residual")
    inputs = ready(data, data.train)["series"].flatten(1).double()
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1).numpy()
    gram = inputs.T @ inputs + 1e-3 * len(inputs) * np.eye(inputs.shape[1])
    weights = np.linalg.solve(gram, inputs.T @ data.train.targets.double().numpy())
    told = ready(data, data.train)
    assert told["level"].numpy() == pytest.approx(inputs @ weights, abs=1e-4)
    apart = data.train.targets.double().numpy() - inputs @ weights
    assert told["spread"][0].numpy() == pytest.approx(np.sqrt((apart**2).mean(0)), rel=1e-3)


def test_long_windows_of_many_columns_are_forecast_from_the_past_of_the_target(prepared, monkeypatch):
    monkeypatch.setattr("worker.training.data.windows.MAX_COLUMNS", 12)
    data = prepare_as(prepared, "residual")
    assert data.preprocessing.anchor.own_past
    assert data.preprocessing.anchor.weights.shape == (7, 2)


@pytest.mark.parametrize("how", ["difference", "per_window", "residual"])
def test_a_network_begins_at_its_anchor_in_the_units_of_the_target(prepared, how):
    data = prepare_as(prepared, how)
    network = build(Lstm(pooling="last"), data.signature)
    told = ready(data, data.test)
    assert isinstance(network, Anchored)
    assert torch.equal(network(told), told["level"])
    torch.nn.init.ones_(network.network.head.bias)
    assert torch.allclose(network(told), told["level"] + told["spread"])


def test_without_an_anchor_a_network_stands_for_itself(prepared):
    data = prepare_as(prepared, "standard")
    assert set(ready(data, data.test)) == {"series"}
    assert not isinstance(build(Lstm(pooling="last"), data.signature), Anchored)


@pytest.mark.parametrize("how", ["standard", "difference", "per_window", "residual"])
def test_a_window_sent_later_is_told_the_same(prepared, how):
    data = prepare_as(prepared, how)
    encoding, preprocessing = restore(json.loads(json.dumps(data.recipe)))
    preprocessing.load_state_dict(data.preprocessing.state_dict())
    rows = [{"series": window} for window in data.test.inputs["series"].tolist()]
    again, told = preprocessing(encoding.encode(rows)), ready(data, data.test)
    assert again.keys() == told.keys()
    assert all(torch.allclose(again[name], told[name], atol=1e-6) for name in told)


@pytest.mark.parametrize("how", ["difference", "per_window", "residual"])
def test_gaps_and_flat_windows_do_no_harm(prepared, how):
    data = prepare_as(prepared, how)
    raw = torch.stack([torch.full((6, 2), 50.0), torch.full((6, 2), torch.nan)])
    told = data.preprocessing({"series": raw})
    assert all(torch.isfinite(values).all() for values in told.values())
    assert (told["spread"] > 0).all()
