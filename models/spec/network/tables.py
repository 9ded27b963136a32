"""Networks that read a row of numbers and categories; an MLP also reads what can be laid out as such a row."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.spec.base import Items, Probability, Width
from models.spec.network.parts import Activation, Initialized, Norm


class Mlp(Initialized):
    """Fully connected layers: linear, norm, activation, dropout, once per entry of `hidden`.

    Images and windows are read as one long row, a text as the mean of its tokens' vectors (fastText, Joulin et al.
    2017).
    """

    type: Literal["mlp"] = "mlp"
    hidden: Annotated[Items[Width], Field(max_length=64)] = Field((256, 128), description="Width of each hidden layer.")
    activation: Activation = Field("relu", description="The non-linearity between layers.")
    norm: Norm = Field(
        "auto", description="Normalization before activations; auto is batch, but layer for small batches."
    )
    dropout: Probability = Field(0.2, description="Share of activations dropped while training.")
    skip: bool = Field(default=False, description="Add a layer's input to its output where both have one width.")
    embedding_dim: Width | None = Field(
        None, description="Length of a token's vector; null is 64. Only texts have tokens."
    )

    @model_validator(mode="after")
    def _skips_need_one_width(self) -> Self:
        if self.skip and not any(first == second for first, second in pairwise(self.hidden)):
            raise ValueError("skip needs two neighbouring hidden layers of one width, such as [256, 256]")
        return self


class TabM(Initialized):
    """Many MLPs that share their weights (Gorishniy et al. 2025), over piecewise-linear embeddings of numbers.

    Each of the `heads` scales the inputs of the shared layers in its own way and has its own linear head; all are
    trained, and the mean of what they predict is the answer. Numbers are written as how far they reach into each of
    `bins` quantile bins of the training rows, and embedded (Gorishniy et al. 2022).
    """

    type: Literal["tabm"] = "tabm"
    variant: Literal["mini", "full"] = Field(
        "mini", description="`mini` scales the inputs of the first layer, `full` inputs and outputs of every layer."
    )
    heads: Annotated[int, Field(ge=1, le=256)] = Field(16, description="Members of the ensemble.")
    hidden: Annotated[Items[Width], Field(min_length=1, max_length=16)] = Field(
        (256, 256), description="Width of each hidden layer."
    )
    activation: Activation = Field("relu", description="The non-linearity between layers.")
    dropout: Probability = Field(0.15, description="Share of activations dropped while training.")
    bins: Annotated[int, Field(ge=2, le=256)] | None = Field(
        64, description="Bins of a number's embedding; null reads numbers as they are."
    )
    embedding_dim: Width = Field(24, description="Length of a number's embedding.")
