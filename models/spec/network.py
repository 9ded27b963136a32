"""`network`: the shape of what is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.base import Items, Named, Probability, Section, Width

Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"]
Norm = Literal["auto", "none", "batch", "layer"]
Depth = Annotated[int, Field(ge=1, le=64)]


class AutoNetwork(Section):
    """An MLP for tables, a CNN for images, an LSTM for series."""

    type: Literal["auto"] = "auto"


class Mlp(Section):
    """Fully connected layers: linear, norm, activation, dropout, once per entry of `hidden`."""

    type: Literal["mlp"] = "mlp"
    hidden: Annotated[Items[Width], Field(max_length=64)] = Field((256, 128), description="Width of each hidden layer.")
    activation: Activation = Field("relu", description="The non-linearity between layers.")
    norm: Norm = Field(
        "auto", description="Normalization before activations; auto is batch, but layer for small batches."
    )
    dropout: Probability = Field(0.2, description="Share of activations dropped while training.")
    skip: bool = Field(default=False, description="Add a layer's input to its output where both have one width.")


class Cnn(Section):
    """3x3 convolutions, each with norm, activation and 2x2 max pooling while the image allows; then a linear head."""

    type: Literal["cnn"] = "cnn"
    channels: Annotated[Items[Width], Field(min_length=1, max_length=16)] = Field(
        (32, 64), description="Channels of each convolution."
    )
    hidden: Annotated[Items[Width], Field(max_length=16)] = Field(
        (128,), description="Width of each linear layer of the head."
    )
    activation: Activation = Field("relu", description="The non-linearity between layers.")
    norm: Literal["auto", "none", "batch"] = Field(
        "auto", description="Normalization after convolutions; auto is batch, but none for small batches."
    )
    dropout: Probability = Field(0.25, description="Share of activations dropped in the head while training.")


class Recurrent(Section):
    """A recurrent network over the window; the last state of the top layer feeds a linear head."""

    hidden_size: Width = Field(64, description="Width of the state.")
    num_layers: Depth = Field(1, description="Layers stacked on each other.")
    bidirectional: bool = Field(default=False, description="Read the window in both directions.")
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


Network = Annotated[AutoNetwork | Mlp | Cnn | Rnn | Lstm | Gru, Field(discriminator="type"), Named]
