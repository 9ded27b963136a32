"""Networks that read images."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.spec.base import Items, Probability, Width
from models.spec.network.parts import Activation, Depth, Initialized, Norm

Widths = Annotated[Items[Width], Field(min_length=1, max_length=8)]
Depths = Annotated[Items[Depth], Field(min_length=1, max_length=8)]


class Cnn(Initialized):
    """3x3 convolutions, each with norm, activation and 2x2 max pooling while the image allows; then a linear head."""

    type: Literal["cnn"] = "cnn"
    channels: Annotated[Items[Width], Field(min_length=1, max_length=16)] = Field(
        (32, 64), description="Channels of each convolution."
    )
    hidden: Annotated[Items[Width], Field(max_length=16)] = Field(
        (128,), description="Width of each linear layer of the head."
    )
    activation: Activation = Field("relu", description="The non-linearity between layers.")
    norm: Norm = Field(
        "auto", description="Normalization after convolutions; auto is batch, but none for small batches."
    )
    dropout: Probability = Field(0.25, description="Share of activations dropped in the head while training.")


class ResNet(Initialized):
    """Residual blocks in stages, each stage at half the size of the one before (He et al. 2016), then their mean.

    Projections are 1x1 convolutions; the last norm of a block starts at 0, so that a new network is shallow (Goyal et
    al. 2017). `widths` and `depths` are (64, 128, 256, 512) and (2, 2, 2, 2), ResNet-18, for images larger than 64
    pixels, and (32, 64, 128) and (1, 1, 1) for smaller ones, unless they are given.
    """

    type: Literal["resnet"] = "resnet"
    block: Literal["basic", "bottleneck"] = Field(
        "basic",
        description="Two 3x3 convolutions, or a 3x3 between two 1x1 that narrow and widen again, to 4 times the width.",
    )
    widths: Literal["auto"] | Widths = Field("auto", description="Channels of the 3x3 convolutions, stage by stage.")
    depths: Literal["auto"] | Depths = Field("auto", description="Blocks, stage by stage.")
    stem: Literal["auto", "plain", "strided"] = Field(
        "auto",
        description="What comes first: a 3x3 convolution, or a 7x7 with stride 2 and max pooling, which quarters the "
        "image; auto is strided for images larger than 64 pixels.",
    )
    activation: Activation = Field("relu", description="The non-linearity between layers.")
    norm: Norm = Field(
        "auto", description="Normalization after convolutions; auto is batch, but group for small batches."
    )
    dropout: Probability = Field(0.0, description="Share of activations dropped before the head while training.")

    @model_validator(mode="after")
    def _as_many_depths_as_widths(self) -> Self:
        if (self.widths == "auto") != (self.depths == "auto"):
            raise ValueError("give both widths and depths, or neither")
        if len(self.widths) != len(self.depths):
            raise ValueError("widths and depths must have one entry per stage each")
        return self
