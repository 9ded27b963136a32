"""One's own stack of layers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.base import Items, Named, Probability, Section, Width
from models.spec.network.parts import Activation, Initialized

Size = Annotated[int, Field(ge=1, le=512)]


class Linear(Section):
    """A fully connected layer; over a sequence, the same for every step."""

    type: Literal["linear"] = "linear"
    width: Width = Field(description="Outputs.")


class Conv(Section):
    """A convolution over an image or a sequence."""

    type: Literal["conv"] = "conv"
    channels: Width = Field(description="Outputs at each place.")
    kernel_size: Size = Field(3, description="Places that an output reads, along each side.")
    stride: Size = Field(1, description="Distance of two outputs.")
    dilation: Size = Field(1, description="Distance of the places that an output reads.")
    groups: Width = Field(1, description="Parts of the channels that are convolved apart.")
    padding: Literal["same", "none", "causal"] = Field(
        "same",
        description="Zeros around the input so that stride 1 keeps its size, none, or all of them before the first "
        "step of a sequence.",
    )


class Pool(Section):
    """The maximum or mean of neighbouring places."""

    type: Literal["pool"] = "pool"
    kind: Literal["max", "mean"] = Field("max", description="What is taken.")
    size: Size = Field(2, description="Places that are pooled, along each side.")
    stride: Size | None = Field(None, description="Distance of two outputs; null is the size.")


class GlobalPool(Section):
    """One vector out of an image or a sequence."""

    type: Literal["global_pool"] = "global_pool"
    kind: Literal["mean", "max", "last"] = Field("mean", description="What is taken; last is the last valid step.")


class Norm(Section):
    """Normalization: over the batch, or of each row by itself, of a sequence each step."""

    type: Literal["norm"] = "norm"
    kind: Literal["batch", "layer", "group"] = Field("batch", description="Over what.")


class Activate(Section):
    """A non-linearity."""

    type: Literal["activation"] = "activation"
    function: Activation = Field("relu", description="Which one.")


class Dropout(Section):
    """Activations left out at random while training (Srivastava et al. 2014)."""

    type: Literal["dropout"] = "dropout"
    p: Probability = Field(0.5, description="Share of activations dropped.")


class Flatten(Section):
    """An image or a sequence as one vector."""

    type: Literal["flatten"] = "flatten"


class Embedding(Section):
    """A vector for each token: the first layer of a text."""

    type: Literal["embedding"] = "embedding"
    width: Width = Field(64, description="Length of the vector.")


class Positions(Section):
    """A learned vector added to each step of a sequence."""

    type: Literal["positions"] = "positions"


class RecurrentLayer(Section):
    """A recurrent layer over a sequence; its states are the new sequence."""

    type: Literal["recurrent"] = "recurrent"
    cell: Literal["rnn", "lstm", "gru"] = Field("lstm", description="Which one.")
    width: Width = Field(64, description="Width of the state.")
    bidirectional: bool = Field(default=False, description="Read the sequence in both directions.")


class AttentionLayer(Section):
    """Layer norm, self-attention over a sequence, and dropout: the first half of a transformer's layer."""

    type: Literal["attention"] = "attention"
    num_heads: Annotated[int, Field(ge=1, le=256)] = Field(4, description="Heads; they share the width of a step.")
    dropout: Probability = Field(0.0, description="Share of attention, and of what comes out, dropped while training.")


InnerLayer = (
    Linear
    | Conv
    | Pool
    | GlobalPool
    | Norm
    | Activate
    | Dropout
    | Flatten
    | Embedding
    | Positions
    | RecurrentLayer
    | AttentionLayer
)


class Residual(Section):
    """Layers whose input is added to their output, through one more linear map where the channels differ."""

    type: Literal["residual"] = "residual"
    layers: Annotated[
        Items[Annotated[InnerLayer, Field(discriminator="type"), Named]], Field(min_length=1, max_length=64)
    ] = Field(description="The layers in between; none of them is residual itself.")


Layer = InnerLayer | Residual


class Layers(Initialized):
    """One's own stack of layers, one after the other; a linear layer to the outputs is added behind the last.

    Tables come as a vector of their numbers and embedded categories, images as channels, height and width, windows and
    texts as steps. What does not fit is told with its place and shape before training begins.
    """

    type: Literal["layers"] = "layers"
    layers: Annotated[
        Items[Annotated[Layer, Field(discriminator="type"), Named]], Field(min_length=1, max_length=256)
    ] = Field(description="The layers, from the input on.")
