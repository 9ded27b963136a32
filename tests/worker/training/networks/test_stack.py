"""One's own stack of layers: each is the one of PyTorch, and padding never matters."""

from typing import get_args

import pytest
import torch
from torch import nn

from models.errors import InvalidSpec
from models.spec import network as networks_spec
from models.spec.network import layers as specs
from tests.worker.training.material import session_for, train_on
from tests.worker.training.networks.material import IMAGE, SERIES, TABLE, TEXT, batch_for, built
from worker.training import networks
from worker.training.networks.blocks import Skip
from worker.training.networks.stack import BUILDERS


def stack(signature, *entries, **fields):
    return built(signature, type="layers", layers=list(entries), **fields)


def through(signature, *entries):
    """What the layers make of a batch, without the head."""
    model = stack(signature, *entries).eval()
    values, valid = model._read(batch_for(signature))
    for layer in model.layers:
        values, valid = layer(values, valid)
    return model, values


def test_every_layer_of_the_spec_can_be_built():
    assert set(BUILDERS) == set(get_args(specs.Layer)) - {specs.Embedding}


DEEP = [
    {"type": "conv", "channels": 4, "kernel_size": 3},
    {"type": "norm", "kind": "batch"},
    "activation",
    "pool",
    {"type": "residual", "layers": [{"type": "conv", "channels": 6}, {"type": "norm", "kind": "group"}]},
    {"type": "dropout", "p": 0.1},
]


@pytest.mark.parametrize(
    ("signature", "entries"),
    [
        (TABLE, [{"type": "linear", "width": 4}, "norm", "activation", {"type": "residual", "layers": ["dropout"]}]),
        (IMAGE, [*DEEP, "global_pool"]),
        (IMAGE, [*DEEP, "flatten", {"type": "linear", "width": 5}]),
        (SERIES, [*DEEP, {"type": "recurrent", "cell": "gru", "width": 4}, {"type": "global_pool", "kind": "last"}]),
        (SERIES, ["positions", {"type": "residual", "layers": [{"type": "attention", "num_heads": 3}]}, "flatten"]),
        (TEXT, ["embedding", "positions", {"type": "recurrent", "bidirectional": True, "width": 4}, "global_pool"]),
    ],
)
def test_a_stack_answers_each_row_with_its_outputs_and_trains_all_its_weights(signature, entries):
    model = stack(signature, *entries)
    outputs = model(batch_for(signature))
    assert outputs.shape == (6, signature.num_outputs)
    outputs.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("padding", ["same", "none"])
@pytest.mark.parametrize(("size", "stride", "dilation"), [(3, 1, 1), (5, 2, 1), (3, 1, 2)])
def test_a_convolution_of_images_is_that_of_pytorch(padding, size, stride, dilation):
    entry = {"channels": 4, "kernel_size": size, "stride": stride, "dilation": dilation, "padding": padding}
    if padding == "none" and dilation == 2:
        size = 3
    model, found = through(IMAGE, {"type": "conv", **entry}, "flatten")
    convolution = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    reach = (size - 1) * dilation // 2 if padding == "same" else 0
    expected = nn.functional.conv2d(
        batch_for(IMAGE)["image"], convolution.weight, convolution.bias, stride, reach, dilation
    )
    assert torch.allclose(found, expected.flatten(1), atol=1e-6)


@pytest.mark.parametrize(("padding", "before"), [("same", (1, 2)), ("causal", (3, 0)), ("none", (0, 0))])
def test_a_convolution_of_sequences_is_that_of_pytorch(padding, before):
    model, found = through(
        SERIES, {"type": "conv", "channels": 6, "kernel_size": 4, "groups": 3, "padding": padding}, "flatten"
    )
    convolution = next(module for module in model.modules() if isinstance(module, nn.Conv1d))
    padded = nn.functional.pad(batch_for(SERIES)["series"].transpose(1, 2), before)
    expected = nn.functional.conv1d(padded, convolution.weight, convolution.bias, groups=3)
    assert torch.allclose(found, expected.transpose(1, 2).flatten(1), atol=1e-6)


@pytest.mark.parametrize(("kind", "reference"), [("max", nn.functional.max_pool2d), ("mean", nn.functional.avg_pool2d)])
def test_pools_are_those_of_pytorch(kind, reference):
    images = batch_for(IMAGE)["image"]
    _, found = through(IMAGE, {"type": "pool", "kind": kind, "size": 3, "stride": 2}, "flatten")
    assert torch.allclose(found, reference(images, 3, 2).flatten(1))
    _, found = through(SERIES, {"type": "pool", "kind": kind, "size": 3}, "flatten")
    windows = batch_for(SERIES)["series"].unfold(1, 3, 3)
    assert torch.allclose(found, (windows.amax(3) if kind == "max" else windows.mean(3)).flatten(1), atol=1e-6)
    _, found = through(IMAGE, {"type": "global_pool", "kind": kind})
    assert torch.allclose(found, images.amax((2, 3)) if kind == "max" else images.mean((2, 3)), atol=1e-6)


@pytest.mark.parametrize("kind", ["layer", "group"])
def test_a_norm_of_a_sequence_is_one_of_each_step(kind):
    _, found = through(SERIES, {"type": "linear", "width": 64}, {"type": "norm", "kind": kind}, "flatten")
    steps = found.reshape(6, 12, 64 if kind == "layer" else 8, -1)
    over = (2, 3) if kind == "layer" else (3,)
    assert torch.allclose(steps.mean(over), torch.zeros(()), atol=1e-5)
    assert steps.var(over, correction=0).amax() < 1.01


def test_a_batch_norm_of_a_sequence_is_one_of_each_channel():
    model = stack(SERIES, "norm", "flatten").train()
    values, _ = model.layers[0](batch_for(SERIES)["series"], None)
    assert torch.allclose(values.mean((0, 1)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(values.var((0, 1), correction=0), torch.ones(3), atol=1e-3)


def test_a_residual_block_adds_its_input_through_a_projection_where_channels_differ():
    model = stack(IMAGE, {"type": "residual", "layers": [{"type": "conv", "channels": 5}]}, "flatten")
    (skip,) = (module for module in model.modules() if isinstance(module, Skip))
    images = batch_for(IMAGE)["image"]
    assert torch.allclose(model.layers[0](images, None)[0], skip.block(images, None) + skip.shortcut(images))
    assert skip.shortcut.kernel_size == (1, 1)
    same = stack(IMAGE, {"type": "residual", "layers": ["activation"]}, "flatten")
    assert torch.equal(same.layers[0](images, None)[0], images + images.relu())


PADDED = [
    ["embedding", {"type": "conv", "channels": 4, "stride": 2}, {"type": "global_pool", "kind": "last"}],
    ["embedding", {"type": "linear", "width": 6}, {"type": "conv", "channels": 4}, "global_pool"],
    ["embedding", {"type": "residual", "layers": ["attention"]}, {"type": "global_pool", "kind": "max"}],
    ["embedding", {"type": "recurrent", "bidirectional": True, "width": 3}, "global_pool"],
    ["embedding", {"type": "norm", "kind": "layer"}, "activation", "global_pool"],
]


@pytest.mark.parametrize("entries", PADDED, ids=str)
def test_what_stands_behind_the_end_of_a_text_changes_nothing(entries):
    model = stack(TEXT, *entries).eval()
    tokens = batch_for(TEXT)["tokens"]
    before = model({"tokens": tokens})
    with torch.no_grad():
        model.input.embedding.weight[0] = 100.0  # what padding would bring in
    assert torch.allclose(model({"tokens": tokens}), before, atol=1e-5)


def test_flattened_texts_are_zero_behind_their_end():
    model, found = through(TEXT, "embedding", {"type": "linear", "width": 2}, "flatten")
    assert bool((found.reshape(6, 10, 2)[batch_for(TEXT)["tokens"] == 0] == 0).all())
    assert model.head.in_features == 20


def test_layers_are_told_apart_by_their_fields():
    model = stack(
        SERIES,
        {"type": "recurrent", "cell": "rnn", "width": 5},
        {"type": "attention", "num_heads": 5, "dropout": 0.3},
        {"type": "activation", "function": "tanh"},
        {"type": "dropout", "p": 0.2},
        "global_pool",
    )
    found = list(model.modules())
    assert any(isinstance(module, nn.RNN) and module.hidden_size == 5 for module in found)
    assert any(isinstance(module, nn.Tanh) for module in found)
    assert any(isinstance(module, nn.Dropout) and module.p == 0.2 for module in found)
    assert (model.layers[1].layer.num_heads, model.layers[1].layer.dropout) == (5, 0.3)
    drops = stack(SERIES, {"type": "residual", "layers": ["activation"]}, "flatten", stochastic_depth=0.3)
    assert next(module.drop for module in drops.modules() if isinstance(module, Skip)) == 0.3
    lecun = stack(SERIES, "flatten", {"type": "linear", "width": 300}, initialization="lecun").layers[1].module
    assert float(lecun.weight.detach().std()) == pytest.approx(1 / 6, rel=0.05)


def test_what_only_the_data_tells_is_checked_where_the_network_is_built():
    layers = (specs.AttentionLayer(num_heads=4), specs.Flatten())
    with pytest.raises(InvalidSpec, match="#/network/layers/0 attention has 4 heads, which cannot share steps of 3"):
        networks.build(networks_spec.Layers(layers=layers), SERIES)


def test_a_table_with_a_stack_of_layers_trains(tmp_path):
    network = {"type": "layers", "layers": [{"type": "linear", "width": 16}, "activation"]}
    assert session_for("flowers", network=network).model.network.input is not None
    result = train_on("flowers", tmp_path, network=network, training={"epochs": 30, "batch_size": 16}).result
    assert result["test"]["accuracy"] > 0.7
