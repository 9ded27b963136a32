"""The residual network: blocks whose input is added to their output, so that gradients reach every depth."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.blocks import ACTIVATIONS, IMAGE_NORMS, Skip
from worker.training.networks.inputs import Batch

WIDENING = 4  # a bottleneck block ends in this many times the channels of its 3x3 convolution


class ResNet(nn.Module):
    """A stem, stages of residual blocks, the mean over the image, and a linear head.

    The stride of a bottleneck is in its 3x3 convolution (as in torchvision, "version 1.5"). Weights are drawn as He et
    al. (2015) do, by the number of outputs, and a block's last norm starts at 0.
    """

    def __init__(self, spec: specs.ResNet, signature: Signature) -> None:
        super().__init__()
        if signature.image is None:
            raise ValueError("a ResNet reads images")
        if spec.widths == "auto" or spec.depths == "auto":
            raise ValueError("the spec is not resolved")
        self._spec = spec
        self.stem = self._stem(signature.image[0], spec.widths[0])
        width, blocks = spec.widths[0], list[nn.Module]()
        for stage, (channels, depth) in enumerate(zip(spec.widths, spec.depths, strict=True)):
            for number in range(depth):
                stride = 2 if stage > 0 and number == 0 else 1
                block, out = self._block(width, channels, stride=stride)
                shortcut = None if stride == 1 and width == out else self._convolved(width, out, size=1, stride=stride)
                blocks += [Skip(block, shortcut=shortcut), ACTIVATIONS[spec.activation]()]
                width = out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(spec.dropout),
            nn.Linear(width, signature.num_outputs),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, batch: Batch) -> Tensor:
        """ "image" [N, C, H, W] to outputs [N, num_outputs]."""
        images = batch["image"].contiguous(memory_format=torch.channels_last)
        outputs: Tensor = self.head(self.blocks(self.stem(images)))
        return outputs

    def _stem(self, channels: int, width: int) -> nn.Sequential:
        strided = self._spec.stem == "strided"
        first = self._convolved(channels, width, size=7 if strided else 3, stride=2 if strided else 1)
        stem = nn.Sequential(first, ACTIVATIONS[self._spec.activation]())
        return stem.append(nn.MaxPool2d(3, stride=2, padding=1)) if strided else stem

    def _block(self, width: int, channels: int, *, stride: int) -> tuple[nn.Sequential, int]:
        """A basic block or a bottleneck, and the width that comes out of it."""
        if self._spec.block == "basic":
            sizes = [(width, channels, 3, stride), (channels, channels, 3, 1)]
        else:
            out = WIDENING * channels
            sizes = [(width, channels, 1, 1), (channels, channels, 3, stride), (channels, out, 1, 1)]
        layers: list[nn.Module] = []
        for num_inputs, num_outputs, size, step in sizes:
            layers.append(self._convolved(num_inputs, num_outputs, size=size, stride=step))
            layers.append(ACTIVATIONS[self._spec.activation]())
        layers.pop()  # the activation comes after the sum
        nn.init.zeros_(layers[-1].get_parameter("0.weight" if self._spec.norm == "none" else "1.weight"))
        return nn.Sequential(*layers), sizes[-1][1]

    def _convolved(self, num_inputs: int, num_outputs: int, *, size: int, stride: int) -> nn.Sequential:
        """A convolution and, if asked for, its norm, which makes a bias of its own needless."""
        norm = self._spec.norm
        convolution = nn.Conv2d(num_inputs, num_outputs, size, stride, padding=size // 2, bias=norm == "none")
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        if convolution.bias is not None:
            nn.init.zeros_(convolution.bias)
        return nn.Sequential(convolution, *([] if norm == "none" else [IMAGE_NORMS[norm](num_outputs)]))
