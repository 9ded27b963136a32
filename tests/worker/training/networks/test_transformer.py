"""The transformer encoder, against PyTorch's own and by what it must not depend on."""

import math

import pytest
import torch
from torch import nn

from tests.worker.training.networks.material import IMAGE, SERIES, TABLE, TEXT, batch_for, built
from worker.training.data import Signature
from worker.training.networks.transformer import sinusoids


def reference(attention, feedforward, *, num_heads):
    """PyTorch's own layer, norms first, with these weights."""
    width = attention.out.out_features
    layer = nn.TransformerEncoderLayer(
        width, num_heads, feedforward[1].out_features, 0.0, "gelu", batch_first=True, norm_first=True
    )
    layer.load_state_dict(
        {
            "self_attn.in_proj_weight": attention.queries_keys_values.weight,
            "self_attn.in_proj_bias": attention.queries_keys_values.bias,
            "self_attn.out_proj.weight": attention.out.weight,
            "self_attn.out_proj.bias": attention.out.bias,
            "norm1.weight": attention.norm.weight,
            "norm1.bias": attention.norm.bias,
            "linear1.weight": feedforward[1].weight,
            "linear1.bias": feedforward[1].bias,
            "linear2.weight": feedforward[4].weight,
            "linear2.bias": feedforward[4].bias,
            "norm2.weight": feedforward[0].weight,
            "norm2.bias": feedforward[0].bias,
        }
    )
    return layer


def test_a_layer_is_what_pytorch_has_by_that_name():
    model = built(TEXT, type="transformer", width=12, num_heads=3, num_layers=1)
    attend, think = model.layers
    steps = torch.randn(4, 6, 12)
    valid = torch.arange(6) < torch.tensor([[6], [4], [2], [1]])
    theirs = reference(attend.block, think.block, num_heads=3)
    theirs.train()  # the shortcut that it takes in evaluation leaves out what is masked
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    attend.block.dropout = 0.0
    expected = theirs(steps, src_key_padding_mask=~valid)
    assert torch.allclose(think(attend(steps, valid))[valid], expected[valid], atol=1e-5)


def test_dropout_of_attention_and_activations_happens_while_training_alone():
    model = built(SERIES, type="transformer", dropout=0.5)
    batch = batch_for(SERIES)
    assert not torch.equal(model(batch), model(batch))
    model.eval()
    assert torch.equal(model(batch), model(batch))


def test_positions_tell_the_order_of_the_steps():
    batch = batch_for(SERIES)
    turned = {"series": batch["series"].flip(1)}
    for positions, tells in (("learned", True), ("sinusoidal", True), ("none", False)):
        model = built(SERIES, type="transformer", positions=positions, pooling="mean").eval()
        assert torch.allclose(model(batch), model(turned), atol=1e-5) is not tells


def test_sinusoids_are_those_of_the_paper():
    waves = sinusoids(50, 6)
    for place, channel in ((0, 0), (7, 2), (31, 5)):
        angle = place / 10000 ** (2 * (channel // 2) / 6)
        assert waves[place, channel] == pytest.approx((math.cos if channel % 2 else math.sin)(angle), abs=1e-5)


def test_patches_are_the_squares_of_the_image_row_by_row():
    signature = Signature(kind="image", task="classification", num_outputs=3, image=(2, 7, 10))
    model = built(signature, type="transformer", patch=4)
    images = torch.randn(2, 2, 7, 10)
    steps, _ = model.input({"image": images})
    assert steps.shape == (2, 2 * 3, 64)
    convolution = model.input.convolution
    second = (images[:, None, :, :4, 4:8] * convolution.weight).sum((2, 3, 4)) + convolution.bias
    assert torch.allclose(steps[:, 1], second, atol=1e-5)
    filled = nn.functional.pad(images[:, :, 4:, 8:], (0, 2, 0, 1))
    sixth = (filled[:, None] * convolution.weight).sum((2, 3, 4)) + convolution.bias
    assert torch.allclose(steps[:, 5], sixth, atol=1e-5)


def test_a_column_is_a_step_and_their_order_means_nothing():
    model = built(TABLE, type="transformer")
    batch = batch_for(TABLE)
    steps, valid = model.input(batch)
    assert (steps.shape, valid) == ((6, 7, 64), None)
    assert torch.allclose(steps[:, 1], batch["numbers"][:, 1:2] * model.input.weight[1] + model.input.bias[1])
    assert torch.equal(steps[:, 6], model.input.embeddings[1](batch["categories"][:, 1]))
    assert model.class_token.shape == (64,)
    assert not model.positions.requires_grad


def test_numbers_alone_and_categories_alone_are_enough():
    numbers = Signature(kind="table", task="regression", num_outputs=1, num_numbers=2)
    codes = Signature(kind="table", task="regression", num_outputs=1, cardinalities=(3,))
    assert built(numbers, type="transformer")(batch_for(numbers)).shape == (6, 1)
    assert built(codes, type="transformer")({"categories": torch.tensor([[0], [2]])}).shape == (2, 1)


def test_the_fields_say_how_large_it_is():
    model = built(IMAGE, type="transformer", width=8, num_layers=3, num_heads=2, feedforward=20, activation="relu")
    assert len(model.layers) == 6
    assert model.layers[0].block.num_heads == 2
    assert [type(part).__name__ for part in model.layers[1].block][1:4] == ["Linear", "ReLU", "Dropout"]
    assert model.layers[1].block[1].weight.shape == (20, 8)
