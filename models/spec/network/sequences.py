"""Networks that read a sequence step by step: the rows of a window, or the tokens of a text."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.spec.base import Items, Probability, Width
from models.spec.network.parts import Activation, Depth, Initialized, Pooling


class Sequential(Initialized):
    """What networks over sequences share. Padding behind the end of a text changes nothing."""

    pooling: Pooling = Field(
        "auto",
        description="What the head reads: the state at the last valid step, or the mean or maximum over all valid "
        "steps; auto is last for series and mean for texts.",
    )
    embedding_dim: Width | None = Field(
        None, description="Length of a token's vector; null is 64. Only texts have tokens."
    )


class Recurrent(Sequential):
    """A recurrent network; its states feed a linear head."""

    hidden_size: Width = Field(64, description="Width of the state.")
    num_layers: Depth = Field(1, description="Layers stacked on each other.")
    bidirectional: bool = Field(default=False, description="Read the sequence in both directions.")
    dropout: Probability = Field(0.0, description="Share of activations dropped between layers and before the head.")


class Rnn(Recurrent):
    """Elman's network with tanh."""

    type: Literal["rnn"] = "rnn"


class Lstm(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997)."""

    type: Literal["lstm"] = "lstm"


class Gru(Recurrent):
    """Gated recurrent units (Cho et al. 2014)."""

    type: Literal["gru"] = "gru"


class Tcn(Sequential):
    """Causal convolutions whose reach doubles from block to block, with skips (Bai et al. 2018).

    Each block is two convolutions; n blocks with kernels of k look back on 1 + 2 (k - 1) (2^n - 1) steps.
    """

    type: Literal["tcn"] = "tcn"
    channels: Annotated[Items[Width], Field(min_length=1, max_length=16)] = Field(
        (64, 64, 64, 64), description="Channels of each block."
    )
    kernel_size: Annotated[int, Field(ge=2, le=64)] = Field(3, description="Steps that a convolution reads.")
    activation: Activation = Field("relu", description="The non-linearity between layers.")
    norm: Literal["none", "layer"] = Field("layer", description="Normalization of the channels of each step.")
    dropout: Probability = Field(0.1, description="Share of activations dropped while training.")


class Transformer(Initialized):
    """A transformer encoder with norms first (Vaswani et al. 2017, Xiong et al. 2020).

    Reads windows and texts step by step, images patch by patch (Dosovitskiy et al. 2021) and tables column by column
    (Gorishniy et al. 2021).
    """

    type: Literal["transformer"] = "transformer"
    width: Width = Field(64, description="Width of a step between the layers.")
    num_layers: Depth = Field(2, description="Layers stacked on each other.")
    num_heads: Annotated[int, Field(ge=1, le=256)] = Field(4, description="Heads of attention; they share the width.")
    feedforward: Width | None = Field(None, description="Width inside a layer's MLP; null is 4 times the width.")
    activation: Activation = Field("gelu", description="The non-linearity of the MLPs.")
    dropout: Probability = Field(0.1, description="Share of activations, and of attention, dropped while training.")
    positions: Literal["auto", "learned", "sinusoidal", "none"] = Field(
        "auto", description="How a step tells its place; auto is learned, and none for the columns of a table."
    )
    pooling: Literal["auto", "class_token", "last", "mean", "max"] = Field(
        "auto",
        description="What the head reads: a token of its own that attends to all, the last valid step, or the mean or "
        "maximum over all valid steps; auto is last for series, class_token for tables and mean for the rest.",
    )
    patch: Annotated[int, Field(ge=1, le=512)] | None = Field(
        None, description="Side of an image's patches in pixels; null is about an eighth of the image. Only for images."
    )

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} cannot be shared by {self.num_heads} heads")
        return self
