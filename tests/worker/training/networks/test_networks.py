"""Networks read what they are built for, and are what their name says."""

from typing import get_args

import pytest
import torch
from torch import nn

from models.spec import network as specs
from tests.worker.training.material import session_for
from tests.worker.training.networks.material import IMAGE, SERIES, TABLE, TEXT, batch_for, built, kinds
from worker.training import networks
from worker.training.data import Signature
from worker.training.networks.inputs import embedding_width


def test_every_network_of_the_spec_can_be_built_and_no_other():
    assert set(networks.NETWORKS) == set(get_args(get_args(specs.Network)[0])) - {specs.AutoNetwork}


@pytest.mark.parametrize(
    ("signature", "network"),
    [
        (TABLE, {"type": "mlp"}),
        (TABLE, {"type": "mlp", "hidden": []}),
        (TABLE, {"type": "mlp", "norm": "layer", "skip": True, "hidden": [8, 8]}),
        (IMAGE, {"type": "mlp", "norm": "none"}),
        (SERIES, {"type": "mlp"}),
        (IMAGE, {"type": "cnn"}),
        (IMAGE, {"type": "cnn", "norm": "none", "hidden": [], "channels": [4, 8, 16, 16, 16]}),
        (TEXT, {"type": "mlp"}),
        (IMAGE, {"type": "resnet"}),
        (IMAGE, {"type": "resnet", "block": "bottleneck", "widths": [4, 8], "depths": [2, 1], "norm": "none"}),
        (TABLE, {"type": "tabm"}),
        (TABLE, {"type": "tabm", "variant": "full", "bins": None, "heads": 2}),
        (SERIES, {"type": "rnn"}),
        (SERIES, {"type": "lstm", "num_layers": 2, "bidirectional": True, "dropout": 0.1}),
        (SERIES, {"type": "gru", "hidden_size": 7}),
        (TEXT, {"type": "lstm", "num_layers": 2, "bidirectional": True, "dropout": 0.1, "pooling": "max"}),
        (TEXT, {"type": "gru"}),
        (SERIES, {"type": "tcn", "channels": [4, 5, 5]}),
        (TEXT, {"type": "tcn", "norm": "none"}),
        (SERIES, {"type": "transformer"}),
        (TEXT, {"type": "transformer", "positions": "sinusoidal", "pooling": "class_token"}),
        (IMAGE, {"type": "transformer", "patch": 3}),
        (TABLE, {"type": "transformer"}),
    ],
)
def test_a_network_answers_each_row_with_its_outputs_and_trains_all_its_weights(signature, network):
    model = built(signature, **network)
    model(batch_for(signature)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model.eval()(batch_for(signature)).shape == (6, signature.num_outputs)


@pytest.mark.parametrize("name", get_args(specs.Activation))
def test_every_activation_of_the_spec_exists(name):
    assert built(TABLE, type="mlp", activation=name)(batch_for(TABLE)).isfinite().all()


def test_an_mlp_is_linear_norm_activation_dropout_per_hidden_layer():
    layers = built(TABLE, type="mlp", hidden=[8, 6], norm="layer", activation="gelu", dropout=0.3).layers
    names = [type(layer).__name__ for layer in layers]
    assert names == ["Linear", "LayerNorm", "GELU", "Dropout"] * 2 + ["Linear"]
    assert (layers[0].out_features, layers[4].out_features, layers[3].p) == (8, 6, 0.3)


def test_without_dropout_and_norm_there_are_none():
    names = kinds(built(TABLE, type="mlp", norm="none", dropout=0.0))
    assert not {"Dropout", "BatchNorm1d", "LayerNorm"} & set(names)


def test_a_skip_adds_the_input_where_the_widths_are_one():
    model = built(TABLE, type="mlp", hidden=[8, 8], norm="none", dropout=0.0, skip=True)
    inputs = torch.randn(4, 8)
    block = model.layers[2]
    assert torch.equal(block(inputs), inputs + block.block(inputs))
    assert kinds(model).count("Skip") == 1


def test_categories_are_embedded_by_their_number():
    model = built(TABLE, type="mlp")
    sizes = [(layer.num_embeddings, layer.embedding_dim) for layer in model.input.embeddings]
    assert sizes == [(4, embedding_width(4)), (9, embedding_width(9))]
    assert model.layers[0].in_features == 5 + embedding_width(4) + embedding_width(9)
    batch = batch_for(TABLE)
    other = {**batch, "categories": (batch["categories"] + 1) % 4}
    model.eval()
    assert not torch.equal(model(batch), model(other))


def test_categories_alone_are_enough():
    only = Signature(kind="table", task="classification", num_outputs=2, cardinalities=(3,))
    assert built(only, type="mlp")({"categories": torch.tensor([[0], [2]])}).shape == (2, 2)


def test_pooling_before_a_rising_activation_is_pooling_after_it():
    images = torch.randn(5, 3, 8, 8)
    for activation in (nn.ReLU(), nn.ELU(), nn.Tanh(), nn.Sigmoid(), nn.LeakyReLU()):
        pooled_first = activation(nn.functional.max_pool2d(images, 2))
        assert torch.allclose(pooled_first, nn.functional.max_pool2d(activation(images), 2), atol=1e-6)


def test_a_cnn_halves_the_image_while_it_can():
    for side, pools in ((4, 1), (8, 2), (28, 2), (64, 2)):
        signature = Signature(kind="image", task="classification", num_outputs=3, image=(1, side, side))
        model = built(signature, type="cnn", channels=[4, 8])
        assert kinds(model).count("MaxPool2d") == pools
        assert model(batch_for(signature)).shape == (6, 3)


def test_the_head_of_a_cnn_does_not_grow_with_the_image():
    large = Signature(kind="image", task="classification", num_outputs=3, image=(3, 224, 200))
    assert sum(parameter.numel() for parameter in built(large, type="cnn").parameters()) < 600_000


def test_a_recurrent_network_answers_from_the_states_that_both_directions_end_in():
    model = built(SERIES, type="gru", hidden_size=4, bidirectional=True)
    batch = batch_for(SERIES)
    every, _ = model.layers(batch["series"])
    ends = torch.cat([every[:, -1, :4], every[:, 0, 4:]], dim=1)
    assert torch.allclose(model(batch), model.head(ends), atol=1e-6)


@pytest.mark.parametrize(
    ("network", "signature", "why"),
    [
        (specs.Cnn(norm="batch"), TABLE, "a CNN reads images"),
        (specs.ResNet(), SERIES, "a ResNet reads images"),
        (specs.Lstm(), TABLE, "a network over sequences reads series"),
        (specs.Tcn(), TEXT, "texts with an embedding_dim"),
        (specs.Mlp(), TEXT, "tokens need an embedding_dim"),
        (specs.TabM(), IMAGE, "TabM reads tables"),
        (specs.Transformer(), IMAGE, "patches are cut from images, by a resolved spec"),
    ],
)
def test_a_network_refuses_data_it_cannot_read(network, signature, why):
    with pytest.raises(ValueError, match=why):
        networks.build(network, signature)


def test_a_model_predicts_probabilities_from_raw_rows():
    session = session_for("flowers")
    session.model.eval()
    probabilities = session.model.predict(session.data.test.inputs)
    assert torch.allclose(probabilities.sum(1), torch.ones(len(probabilities)))
    logits = session.model(session.data.test.inputs)
    assert torch.equal(probabilities, logits.softmax(1))


def test_a_model_predicts_values_in_the_units_of_the_target():
    session = session_for("prices")
    session.model.eval()
    outputs = session.model(session.data.test.inputs).double()
    signature = session.data.signature
    expected = outputs * signature.target_std + signature.target_mean
    assert torch.allclose(session.model.predict(session.data.test.inputs), expected, rtol=1e-5)


def test_the_state_of_a_model_holds_its_preprocessing():
    names = set(session_for("prices").model.state_dict())
    assert {"target_mean", "target_std", "preprocessing.numbers.center", "network.layers.0.weight"} <= names


def test_initial_weights_depend_on_the_seed_alone():
    first, second, other = (session_for("flowers", seed=seed).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["network.layers.0.weight"], other["network.layers.0.weight"])
