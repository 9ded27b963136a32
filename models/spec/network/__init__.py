"""`network`: the shape of what is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.base import Named, Section
from models.spec.network.images import Cnn, ResNet
from models.spec.network.layers import Layers
from models.spec.network.parts import Activation, Initialization, Initialized, Norm, Pooling
from models.spec.network.sequences import Gru, Lstm, Recurrent, Rnn, Tcn, Transformer
from models.spec.network.tables import Mlp, TabM

__all__ = [
    "Activation",
    "AutoNetwork",
    "Cnn",
    "Gru",
    "Initialization",
    "Initialized",
    "Layers",
    "Lstm",
    "Mlp",
    "Network",
    "Norm",
    "Pooling",
    "Recurrent",
    "ResNet",
    "Rnn",
    "TabM",
    "Tcn",
    "Transformer",
]


class AutoNetwork(Section):
    """TabM for tables of 1000 training rows or more, else an MLP; a CNN for images; an LSTM for series; for texts a
    linear layer on the vectors of words, or a GRU over letters."""

    type: Literal["auto"] = "auto"


Network = Annotated[
    AutoNetwork | Mlp | TabM | Cnn | ResNet | Rnn | Lstm | Gru | Tcn | Transformer | Layers,
    Field(discriminator="type"),
    Named,
]
