"""Words that the sections of several networks share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.base import Section

Activation = Literal[
    "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "hardswish", "tanh", "sigmoid", "softplus"
]
Norm = Literal["auto", "none", "batch", "layer", "group"]
Initialization = Literal["auto", "he", "xavier", "lecun", "orthogonal", "normal"]
Depth = Annotated[int, Field(ge=1, le=64)]

#: How one vector is made of the states of a sequence.
Pooling = Literal["auto", "last", "mean", "max"]


class Initialized(Section):
    """What every network has: a scheme that its first weights are drawn by."""

    initialization: Initialization = Field(
        "auto",
        description="How weights are drawn: `he` (normal, variance 2 / inputs; for ReLU), `xavier` (uniform, variance "
        "2 / (inputs + outputs); for tanh), `lecun` (normal, variance 1 / inputs; for SELU), `orthogonal`, `normal` "
        "(deviation 0.02), with biases of 0; `auto` is what each layer was designed with.",
    )
