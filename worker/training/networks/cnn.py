"""The convolutional network (LeCun et al. 1989, in today's dress)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.blocks import ACTIVATIONS, IMAGE_NORMS, dense
from worker.training.networks.inputs import Batch

SMALLEST_SIDE_TO_POOL = 4
LARGEST_SIDE_OF_HEAD = 8


class Cnn(nn.Module):
    """Convolutions that halve the image, then a fully connected head.

    Pooling comes before norm and activation, which then have a quarter of the work: a rising activation gives the same
    either way, and a norm measures what goes on.
    Weights and images are laid out channels last, which is what convolutions are fastest on.
    """

    def __init__(self, spec: specs.Cnn, signature: Signature) -> None:
        super().__init__()
        if signature.image is None:
            raise ValueError("a CNN reads images")
        num_channels, height, width = signature.image
        layers: list[nn.Module] = []
        for channels in spec.channels:
            layers.append(nn.Conv2d(num_channels, channels, kernel_size=3, padding=1))
            if min(height, width) >= SMALLEST_SIDE_TO_POOL:
                layers.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
            if spec.norm != "none":
                layers.append(IMAGE_NORMS[spec.norm](channels))
            layers.append(ACTIVATIONS[spec.activation]())
            num_channels = channels
        if (shrink := math.ceil(max(height, width) / LARGEST_SIDE_OF_HEAD)) > 1 and min(height, width) >= shrink:
            layers.append(nn.AvgPool2d(shrink))
            height, width = height // shrink, width // shrink
        head, out = dense(num_channels * height * width, spec.hidden, activation=spec.activation, dropout=spec.dropout)
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Flatten(), *head, nn.Linear(out, signature.num_outputs))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, batch: Batch) -> Tensor:
        """ "image" [N, C, H, W] to outputs [N, num_outputs]."""
        images = batch["image"].contiguous(memory_format=torch.channels_last)
        outputs: Tensor = self.head(self.convolutions(images))
        return outputs
