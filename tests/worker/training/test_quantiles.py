"""Networks of several quantiles: an output each, brought into order, scored by itself, and told with predictions."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import mean_pinball_loss

from models.formats.sources import Table
from models.formats.summaries import profile
from models.spec import parse, resolve
from tests.worker.training.material import session_for, waves
from worker.training import quantiles, train
from worker.training.evaluation import outputs_of
from worker.training.predicting import Predictor

LEVELS = [0.1, 0.5, 0.9]
LOSS = {"type": "quantile", "quantile": LEVELS}
ALONE = {"evaluation": {"baselines": False}}
SMALL = {"type": "mlp", "hidden": [16], "dropout": 0.0}


def noisy(*, rows: int = 900) -> Table:
    """A number whose noise grows with the input: its quantiles are lines that fan out."""
    random = np.random.default_rng(0)
    x = random.random(rows)
    return Table(pa.table({"x": x, "y": 10 + (1 + 4 * x) * random.normal(size=rows)}))


def trained(source, directory, **sections):
    spec = resolve(parse(sections), profile(source))
    result = train(spec, source, directory=directory, device="cpu", num_threads=1).result
    newest = max((path for path in directory.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
    return result, Predictor.load(newest)


@pytest.fixture(scope="module")
def fan(tmp_path_factory):
    data = {"dataset": "fan", "target": "y"}
    training = {"epochs": 25, "batch_size": 64}
    sections = {"data": data, "task": "regression", "network": SMALL, "loss": LOSS, "training": training, **ALONE}
    return trained(noisy(), tmp_path_factory.mktemp("fan"), **sections)


def test_each_quantile_covers_its_share_of_the_test_rows(fan):
    result, _ = fan

    assert [one["quantile"] for one in result["quantiles"]] == LEVELS
    for one in result["quantiles"]:
        assert one["coverage"] == pytest.approx(one["quantile"], abs=0.12)  # 135 test rows
    between = result["quantile_interval"]
    assert (between["from"], between["to"], between["nominal_coverage"]) == (0.1, 0.9, pytest.approx(0.8))
    assert between["coverage"] == pytest.approx(0.8, abs=0.12)


def test_quantiles_fan_out_where_the_noise_grows(fan):
    _, predictor = fan

    low, high = [row["quantiles"] for row in predictor.predict([{"x": 0.05}, {"x": 0.95}]).rows]

    assert list(low) == ["0.1", "0.5", "0.9"]
    assert high["0.9"] - high["0.1"] > 2 * (low["0.9"] - low["0.1"])


def test_the_value_that_is_scored_and_answered_is_the_median(fan):
    result, predictor = fan

    row = predictor.predict([{"x": 0.3}]).rows[0]

    assert row["value"] == row["quantiles"]["0.5"]
    assert result["test"]["mae"] == pytest.approx(2 * result["quantiles"][1]["pinball"])


def test_outputs_that_cross_are_brought_into_order_and_counted():
    session = session_for("prices", loss=LOSS)
    outputs = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 2.0]])

    assert session.model.by_quantile(outputs)[:, 0].tolist() == [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]
    assert session.model.values(outputs).tolist() == [[1.0], [1.0]]
    found = quantiles.described(session.model, outputs, torch.tensor([[0.5], [3.0]]))
    assert found["quantile_interval"]["crossings"] == 0.5
    assert found["quantile_interval"]["coverage"] == 0.5


def test_the_pinball_loss_of_each_quantile_is_that_of_scikit_learn():
    session = session_for("prices", loss=LOSS)
    outputs = outputs_of(session.model, session.validation)
    found = quantiles.described(session.model, outputs, session.validation.targets)

    true = session.model.in_original_units(session.validation.targets)[:, 0].numpy()
    values = session.model.in_original_units(session.model.by_quantile(outputs))[:, 0].numpy()
    for place, level in enumerate(LEVELS):
        expected = mean_pinball_loss(true, values[:, place], alpha=level)
        assert found["quantiles"][place]["pinball"] == pytest.approx(expected)
        assert found["quantiles"][place]["coverage"] == pytest.approx((true <= values[:, place]).mean())


@pytest.mark.parametrize(("network", "target_scale"), [("gru", "residual"), ("mlp", "standard"), ("tcn", "per_window")])
def test_a_forecast_has_quantiles_for_every_row_ahead(tmp_path, network, target_scale):
    result, predictor = trained(
        waves(),
        tmp_path,
        data={"dataset": "waves", "target": "value"},
        task="forecasting",
        network=network,
        loss=LOSS,
        preprocessing={"series": {"window": 12, "horizon": 3, "target_scale": target_scale}},
        training={"epochs": 1, "batch_size": 16},
    )

    row = predictor.predict([{"series": [[float(step)] for step in range(12)]}]).rows[0]

    assert {name: len(values) for name, values in row["quantiles"].items()} == {"0.1": 3, "0.5": 3, "0.9": 3}
    assert row["values"] == row["quantiles"]["0.5"]
    assert all(low <= high for low, high in zip(row["quantiles"]["0.1"], row["quantiles"]["0.9"], strict=True))
    assert result["baselines"]


def test_heads_of_an_ensemble_have_all_quantiles(tmp_path):
    sections = {"network": {"type": "tabm", "heads": 2, "hidden": [8]}, "training": {"epochs": 1}, "loss": LOSS}
    _, predictor = trained(noisy(rows=80), tmp_path, data={"dataset": "x", "target": "y"}, **sections, **ALONE)

    assert set(predictor.predict([{"x": 0.5}]).rows[0]["quantiles"]) == {"0.1", "0.5", "0.9"}


def test_one_quantile_is_told_by_its_share_too(tmp_path):
    sections = {"network": SMALL, "training": {"epochs": 1}, "loss": {"type": "quantile", "quantile": 0.9}}
    result, predictor = trained(noisy(rows=80), tmp_path, data={"dataset": "x", "target": "y"}, **sections, **ALONE)

    row = predictor.predict([{"x": 0.5}]).rows[0]

    assert row == {"value": row["value"], "quantiles": {"0.9": row["value"]}}
    assert [one["quantile"] for one in result["quantiles"]] == [0.9]
    assert "quantile_interval" not in result
