"""The residual network: torchvision's figures, shapes by image size, and blocks that begin as nothing."""

import pytest
import torch
from torch import nn

from tests.worker.training.networks.material import IMAGE, batch_for, built, kinds
from worker.training.data import Signature

IMAGENET = Signature(kind="image", task="classification", num_outputs=1000, image=(3, 224, 224))


@pytest.mark.parametrize(
    ("network", "num_parameters"),
    [
        ({}, 11_689_512),  # ResNet-18
        ({"widths": [64, 128, 256, 512], "depths": [3, 4, 6, 3]}, 21_797_672),  # ResNet-34
        ({"block": "bottleneck", "widths": [64, 128, 256, 512], "depths": [3, 4, 6, 3]}, 25_557_032),  # ResNet-50
    ],
)
def test_for_imagenet_it_has_the_weights_of_the_paper(network, num_parameters):
    model = built(IMAGENET, type="resnet", **network)
    assert sum(parameter.numel() for parameter in model.parameters()) == num_parameters


def test_the_stem_goes_by_the_size_of_the_image():
    for side, after_stem, at_the_end in ((28, 28, 7), (64, 64, 16), (65, 17, 3), (224, 56, 7)):
        signature = Signature(kind="image", task="classification", num_outputs=3, image=(1, side, side))
        model = built(signature, type="resnet")
        stemmed = model.stem(batch_for(signature, rows=2)["image"])
        assert stemmed.shape[2:] == (after_stem, after_stem)
        assert model.blocks(stemmed).shape[2:] == (at_the_end, at_the_end)


def test_stem_widths_and_depths_can_be_given():
    model = built(IMAGE, type="resnet", stem="strided", widths=[4, 8], depths=[1, 3])
    assert model.stem[0][0].kernel_size == (7, 7)
    assert kinds(model).count("Skip") == 4
    assert model.head[3].in_features == 8
    assert built(IMAGE, type="resnet", block="bottleneck", widths=[4], depths=[1]).head[3].in_features == 16


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
@pytest.mark.parametrize("norm", ["batch", "group", "layer", "none"])
def test_a_new_block_passes_its_input_on(block, norm):
    model = built(IMAGE, type="resnet", widths=[8], depths=[2], block=block, norm=norm)
    inputs = torch.randn(3, 32 if block == "bottleneck" else 8, 5, 5)
    assert torch.equal(model.blocks[2](inputs), inputs)


def test_a_shortcut_is_a_strided_convolution_where_shapes_differ():
    model = built(IMAGE, type="resnet", widths=[4, 8], depths=[1, 1])
    first, second = model.blocks[0], model.blocks[2]
    assert first.shortcut is None
    assert (second.shortcut[0].kernel_size, second.shortcut[0].stride) == ((1, 1), (2, 2))
    inputs = torch.randn(2, 4, 8, 8)
    assert torch.allclose(second(inputs), second.shortcut(inputs) + second.block(inputs))


def test_convolutions_are_drawn_for_relu_by_their_outputs():
    convolution = built(IMAGENET, type="resnet").blocks[-2].block[0][0]
    assert float(convolution.weight.detach().std()) == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("norm", "kind"), [("batch", nn.BatchNorm2d), ("group", nn.GroupNorm), ("layer", nn.GroupNorm)]
)
def test_norms_are_those_asked_for(norm, kind):
    norms = [
        m for m in built(IMAGE, type="resnet", norm=norm).modules() if isinstance(m, nn.BatchNorm2d | nn.GroupNorm)
    ]
    assert norms
    assert all(isinstance(module, kind) for module in norms)
    if norm != "batch":
        assert {module.num_groups for module in norms} == ({16, 32} if norm == "group" else {1})
    assert not any("Norm" in name for name in kinds(built(IMAGE, type="resnet", norm="none")))


def test_dropout_comes_before_the_head():
    assert built(IMAGE, type="resnet", dropout=0.3).head[2].p == 0.3


def test_activations_are_those_asked_for():
    assert "ReLU" not in kinds(built(IMAGE, type="resnet", activation="silu"))


def test_it_learns_what_its_input_says():
    model = built(IMAGE, type="resnet", widths=[4, 8], depths=[1, 1])
    images, optimizer = torch.randn(32, 1, 8, 8), torch.optim.Adam(model.parameters(), lr=0.01)
    labels = (images.mean((1, 2, 3)) > 0).long()
    for _ in range(30):
        loss = nn.functional.cross_entropy(model({"image": images}), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.2
