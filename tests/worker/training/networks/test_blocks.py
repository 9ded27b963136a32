"""Skips, stochastic depth, norms and the first weights."""

import math

import pytest
import torch
from torch import nn

from tests.worker.training.material import session_for, train_on
from tests.worker.training.networks.material import IMAGE, SERIES, TABLE, TEXT, batch_for, built
from worker.training.networks.blocks import Dropout, Skip, num_groups


class Ones(nn.Module):
    """A block that answers ones."""

    def forward(self, inputs):
        return torch.ones_like(inputs)


def test_a_row_leaves_a_block_out_as_often_as_asked_and_the_others_make_up_for_it():
    skip = Skip(Ones())
    skip.drop = 0.25
    torch.manual_seed(0)
    added = skip(torch.zeros(4000, 3))
    assert torch.equal(added, added[:, :1].expand_as(added))
    assert sorted(set(added[:, 0].tolist())) == pytest.approx([0, 4 / 3])
    assert float((added[:, 0] == 0).float().mean()) == pytest.approx(0.25, abs=0.03)
    assert float(added.mean()) == pytest.approx(1, abs=0.03)
    assert torch.equal(skip.eval()(torch.zeros(5, 3)), torch.ones(5, 3))


@pytest.mark.parametrize(
    ("signature", "network"),
    [
        (TABLE, {"type": "mlp", "hidden": [8, 8, 8], "skip": True}),
        (IMAGE, {"type": "resnet", "widths": [4], "depths": [2]}),
        (SERIES, {"type": "tcn", "channels": [4, 4]}),
        (TEXT, {"type": "transformer", "num_layers": 1}),
    ],
)
def test_the_chance_to_be_left_out_rises_to_the_last_block(signature, network):
    model = built(signature, stochastic_depth=0.4, **network)
    assert [module.drop for module in model.modules() if isinstance(module, Skip)] == [0.2, 0.4]
    model(batch_for(signature)).sum().backward()


def test_stochastic_depth_is_read_from_the_spec(tmp_path):
    network = {"type": "mlp", "hidden": [8, 8], "skip": True}
    session = session_for("flowers", network=network, regularization={"stochastic_depth": 0.3})
    (skip,) = (module for module in session.model.modules() if isinstance(module, Skip))
    assert skip.drop == 0.3
    weights = [
        train_on("flowers", tmp_path / str(drop), network=network, regularization={"stochastic_depth": drop}).result[
            "weights_sha256"
        ]
        for drop in (0.0, 0.3)
    ]
    assert weights[0] != weights[1]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_dropout_drops_the_share_asked_for_and_scales_the_rest(share):
    torch.manual_seed(0)
    dropped = Dropout(share)(torch.ones(999, 301))
    kept = dropped != 0
    assert float((~kept).float().mean()) == pytest.approx(share, abs=0.003)
    assert dropped[kept].tolist() == pytest.approx([1 / (1 - share)] * int(kept.sum()), rel=0.01)
    for along in (0, 1):  # no row and no column is dropped more often than chance has it
        spread = (~kept).float().mean(along).std()
        assert float(spread) == pytest.approx(math.sqrt(share * (1 - share) / kept.shape[along]), rel=0.2)


def test_dropout_repeats_itself_for_a_seed_and_rests_in_evaluation():
    values = torch.randn(7, 3, requires_grad=True)
    drop = Dropout(0.5)
    first, second = (drop(values) for _ in range(2) if torch.manual_seed(1))
    assert torch.equal(first, second)
    first.sum().backward()
    assert torch.equal(values.grad, (first != 0) * 2.0)
    assert torch.equal(drop.eval()(values), values)
    assert torch.equal(Dropout(0.0)(values), values)


def test_as_many_groups_as_divide_the_width_and_have_enough_to_measure():
    assert [num_groups(width, fewest=2) for width in (64, 48, 32, 10, 7, 4, 1)] == [32, 16, 16, 2, 1, 2, 1]
    assert [num_groups(width, fewest=8) for width in (256, 128, 64, 32, 12, 8, 1)] == [32, 16, 8, 4, 1, 1, 1]


@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_group_norm_of_a_row_leaves_something_to_learn_from(width):
    """A group of one value would answer its bias whatever the row, and one of two could only tell which is larger."""
    network = built(TABLE, type="mlp", hidden=[width], norm="group", dropout=0.0, activation="tanh").eval()
    torch.manual_seed(0)
    batch = batch_for(TABLE, rows=40)
    normed = network.layers[:2](network.input(batch))
    assert len(normed.round(decimals=3).unique()) > 20 * width
    assert network(batch).std(0).min() > 0.01
    one = {name: values[:1] for name, values in batch.items()}
    assert torch.allclose(network.train()(one), network.eval()(one))


@pytest.mark.parametrize(
    ("scheme", "deviation"),
    [
        ("he", math.sqrt(2 / 400)),
        ("xavier", math.sqrt(2 / (400 + 300))),
        ("lecun", math.sqrt(1 / 400)),
        ("normal", 0.02),
        ("auto", math.sqrt(1 / 3 / 400)),  # uniform between +-1 / sqrt(inputs)
    ],
)
def test_weights_have_the_deviation_of_their_scheme(scheme, deviation):
    linear = built(TABLE, type="mlp", hidden=[400, 300], norm="none", dropout=0.0, initialization=scheme).layers[2]
    weight = linear.weight.detach()
    assert float(weight.std()) == pytest.approx(deviation, rel=0.01)
    assert float(weight.mean()) == pytest.approx(0, abs=3 * deviation / math.sqrt(400 * 300))
    assert bool((linear.bias == 0).all()) == (scheme != "auto")
    kurtosis = float((weight / deviation).pow(4).mean())  # 3 for a normal distribution, 1.8 for a uniform one
    assert kurtosis == pytest.approx(1.8 if scheme in ("xavier", "auto") else 3, abs=0.1)


def test_orthogonal_weights_keep_lengths():
    weight = (
        built(TABLE, type="mlp", hidden=[60, 60], norm="none", dropout=0.0, initialization="orthogonal")
        .layers[2]
        .weight
    )
    assert torch.allclose(weight @ weight.T, torch.eye(60), atol=1e-5)


@pytest.mark.parametrize("network", [{"type": "cnn", "channels": [4, 8]}, {"type": "resnet"}])
def test_filters_are_orthogonal_however_they_lie_in_memory(network):
    filters = [
        weight for weight in built(IMAGE, **network, initialization="orthogonal").parameters() if weight.ndim == 4
    ]
    assert any(not weight.is_contiguous() for weight in filters)
    for weight in filters:
        rows = weight.detach().flatten(1)
        rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
        assert torch.allclose(rows @ rows.T, torch.eye(len(rows)), atol=1e-5)


def test_each_gate_of_a_recurrent_layer_has_a_matrix_of_its_own():
    layers = built(SERIES, type="lstm", hidden_size=20, initialization="orthogonal").layers
    for gate in layers.weight_hh_l0.split(20):
        assert torch.allclose(gate @ gate.T, torch.eye(20), atol=1e-5)
    assert float(layers.bias_ih_l0.detach().abs().max()) == 0


def test_convolutions_are_drawn_by_the_scheme_too():
    convolution = built(IMAGE, type="cnn", channels=[64, 64], initialization="he").convolutions[4]
    assert float(convolution.weight.detach().std()) == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.02)
    convolution = built(SERIES, type="tcn", initialization="lecun").blocks[2].block[0].convolution
    assert float(convolution.weight.detach().std()) == pytest.approx(math.sqrt(1 / (64 * 3)), rel=0.02)


@pytest.mark.parametrize(
    ("norm", "kind"), [("batch", nn.BatchNorm1d), ("layer", nn.LayerNorm), ("group", nn.GroupNorm), ("none", nn.ReLU)]
)
def test_an_mlp_has_the_norm_asked_for(norm, kind):
    assert isinstance(built(TABLE, type="mlp", norm=norm).layers[1], kind)


@pytest.mark.parametrize(
    ("norm", "kind"), [("batch", nn.BatchNorm2d), ("layer", nn.GroupNorm), ("group", nn.GroupNorm)]
)
def test_a_cnn_has_the_norm_asked_for(norm, kind):
    assert isinstance(built(IMAGE, type="cnn", norm=norm).convolutions[2], kind)
