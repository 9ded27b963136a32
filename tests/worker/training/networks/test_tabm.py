"""TabM: k networks in one, and numbers as how far they reach into bins."""

import numpy as np
import pytest
import torch
from torch import nn

from models.spec import network as specs
from tests.worker.training.material import prices, session_for, train_on
from tests.worker.training.networks.material import TABLE, batch_for, built, resolved
from worker.training import networks
from worker.training.data import Signature
from worker.training.networks.numbers import PiecewiseLinear
from worker.training.networks.tabm import Scales

PRICE = Signature(kind="table", task="regression", num_outputs=1, num_numbers=3)


def fitted(signature=TABLE, **network):
    model = built(signature, type="tabm", heads=4, hidden=[8, 6], dropout=0.0, **network)
    model.input.fit(batch_for(signature, rows=50))
    return model


def member(model, number, batch):
    """One member of the ensemble, computed by itself."""
    states = model.input(batch)
    for layer in model.layers:
        states = states * layer.weight[number] if isinstance(layer, Scales) else layer(states)
    return states @ model.heads.weight[number] + model.heads.bias[number]


@pytest.mark.parametrize("variant", ["mini", "full"])
def test_each_head_is_a_network_of_its_own(variant):
    model, batch = fitted(variant=variant), batch_for(TABLE)
    outputs = model(batch)
    assert outputs.shape == (6, 4, 3)
    for number in range(4):
        assert torch.allclose(outputs[:, number], member(model, number, batch), atol=1e-5)


def test_the_members_start_different_by_one_scale_per_column():
    model = fitted()
    scales = model.layers[0].weight
    assert scales.shape == (4, sum(model.input.widths))
    first = scales[:, : model.input.widths[0]]
    assert torch.equal(first, first[:, :1].expand_as(first))
    assert not torch.equal(scales[0], scales[1])
    outputs = model(batch_for(TABLE))
    assert not torch.allclose(outputs[:, 0], outputs[:, 1])


def test_full_scales_the_inputs_and_outputs_of_every_layer():
    scales = [module for module in fitted(variant="full").layers if isinstance(module, Scales)]
    assert [module.weight.shape[1] for module in scales] == [sum(fitted().input.widths), 8, 8, 6]
    assert all(bool((module.weight == 1).all()) for module in scales[1:])


def test_in_evaluation_the_answer_is_the_mean_of_the_probabilities():
    model, batch = fitted(), batch_for(TABLE)
    expected = model(batch).softmax(2).mean(1)
    assert torch.allclose(model.eval()(batch).softmax(1), expected, atol=1e-6)


def test_where_classes_are_taken_one_by_one_it_is_the_mean_of_their_sigmoids():
    signature = Signature(kind="table", task="classification", num_outputs=3, num_numbers=3, one_vs_rest=True)
    model, batch = fitted(signature), batch_for(signature)
    expected = model(batch).sigmoid().mean(1)
    assert torch.allclose(model.eval()(batch).sigmoid(), expected, atol=1e-6)


def test_in_evaluation_a_number_is_the_mean_of_the_numbers():
    model, batch = fitted(PRICE), batch_for(PRICE)
    expected = model(batch).mean(1)
    assert torch.allclose(model.eval()(batch), expected, atol=1e-6)


def test_a_number_is_written_as_how_far_it_reaches_into_each_bin():
    numbers = PiecewiseLinear(1, bins=4, width=2)
    numbers.fit(torch.tensor([[0.0], [1.0], [2.0], [4.0], [8.0]]))
    codes = numbers.codes(torch.tensor([[0.0], [0.5], [3.0], [8.0], [10.0], [-1.0]]))[:, 0]
    expected = [
        [0, 0, 0, 0],
        [0.5, 0, 0, 0],
        [1, 1, 0.5, 0],
        [1, 1, 1, 1],
        [1, 1, 1, 1.5],  # beyond the ends the outermost bins go on
        [-1, 0, 0, 0],
    ]
    assert torch.allclose(codes, torch.tensor(expected))


def edges_of(column, *, bins):
    """Where the bins of a fitted column begin and end."""
    numbers = PiecewiseLinear(1, bins=bins, width=2)
    numbers.fit(torch.tensor(column)[:, None])
    slope, offset = numbers.slope[0], numbers.offset[0]
    used = slope > 0
    starts = -offset[used] / slope[used]
    return [*starts.tolist(), float(starts[-1] + 1 / slope[used][-1])]


def test_bins_are_between_quantiles_of_the_rows_and_of_the_distinct_values():
    mostly_one = np.concatenate([np.zeros(50), np.arange(1.0, 51.0)])
    # of all weight, 0 has 0.5 / 2 + 1 / 102 and each other value 1 / 200 + 1 / 102
    each = 1 / 200 + 1 / 102
    places = [np.ceil((quarter / 4 - (0.25 + 1 / 102)) / each) for quarter in (2, 3, 4)]
    assert edges_of(mostly_one, bins=4) == pytest.approx([0, *places], rel=1e-4)
    skewed = np.exp(np.random.default_rng(0).normal(size=1001))
    quantiles = np.quantile(skewed, np.arange(9) / 8, method="inverted_cdf")
    assert edges_of(skewed, bins=8) == pytest.approx(quantiles.tolist(), rel=1e-3)


def test_few_values_have_a_bin_between_each_two():
    values = np.array([1.0, 1.0, 1.0, 2.0, 4.0, 4.0, 7.0])
    assert edges_of(values, bins=6) == pytest.approx([1, 2, 4, 7])


def test_a_column_that_is_constant_has_no_bins():
    numbers = PiecewiseLinear(2, bins=3, width=2)
    numbers.fit(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    assert torch.equal(numbers.codes(torch.tensor([[5.0, 1.0]]))[0, 0], torch.zeros(3))
    assert all(buffer.isfinite().all() for buffer in numbers.buffers())


def test_an_embedding_starts_linear():
    numbers = PiecewiseLinear(2, bins=3, width=5)
    numbers.fit(torch.randn(20, 2))
    values = torch.randn(4, 2)
    assert torch.allclose(numbers(values), values[:, :, None] * numbers.linear + numbers.bias, atol=1e-6)
    nn.init.normal_(numbers.weight)
    curved = (numbers.codes(values)[:, 1, :, None] * numbers.weight[1]).sum(1)
    assert torch.allclose(
        numbers(values)[:, 1], values[:, 1:] * numbers.linear[1] + numbers.bias[1] + curved, atol=1e-5
    )


def test_without_bins_numbers_are_read_as_they_are():
    model = built(PRICE, type="tabm", bins=None)
    assert torch.equal(model.input(batch_for(PRICE)), batch_for(PRICE)["numbers"])
    assert built(PRICE, type="tabm", bins=7, embedding_dim=3).input.numbers.weight.shape == (3, 7, 3)


def test_the_fields_say_how_large_it_is():
    model = built(TABLE, type="tabm", heads=5, hidden=[7], activation="gelu", dropout=0.4)
    assert [type(layer).__name__ for layer in model.layers] == ["Scales", "Linear", "GELU", "Dropout"]
    assert (model.layers[1].out_features, model.layers[3].p, model.heads.weight.shape) == (7, 0.4, (5, 7, 3))


def test_bins_are_measured_on_the_training_rows_and_travel_with_the_weights():
    session = session_for("prices", network={"type": "tabm", "heads": 2, "hidden": [8]})
    train = session.train.inputs["numbers"].double().numpy()
    numbers = session.model.network.input.numbers
    ends = torch.tensor([[train[:, 0].min(), 0.0], [train[:, 0].max(), 0.0]])
    assert torch.allclose(numbers.codes(ends.float())[:, 0], torch.tensor([[0.0], [1.0]]).expand(2, 64), atol=1e-4)
    assert {"network.input.numbers.slope", "network.input.numbers.high"} <= set(session.snapshot().weights)
    again = networks.build(session.spec.network, session.data.signature)
    again.load_state_dict(session.model.network.state_dict())
    assert torch.equal(again.eval()(session.train.inputs), session.model.network.eval()(session.train.inputs))


def test_it_trains_on_numbers_that_are_prepared_batch_by_batch(monkeypatch):
    monkeypatch.setattr("worker.training.rows.MAX_READY_VALUES", 10)
    session = session_for("prices", network={"type": "tabm", "heads": 2, "hidden": [8]})
    assert not session.train.is_ready
    ready = session.model.preprocessing(session.train.inputs)["numbers"]
    codes = session.model.network.input.numbers.codes(ready)
    assert float(codes.amin()) >= -1e-4
    assert float(codes.amax()) <= 1 + 1e-4


def test_it_learns(tmp_path):
    assert len(prices()) == 160
    network = {"type": "tabm", "heads": 4, "hidden": [32], "dropout": 0.0}
    result = train_on("prices", tmp_path, network=network, training={"epochs": 40, "batch_size": 16}).result
    assert result["test"]["r2"] > 0.9


def test_the_spec_is_what_it_says():
    assert isinstance(resolved(TABLE, type="tabm"), specs.TabM)
