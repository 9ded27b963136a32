"""How the first weights are drawn: so that signals, and gradients, keep their size on the way through the layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from torch import Tensor, nn


def _orthogonal(matrix: Tensor) -> None:
    rows = matrix.detach().contiguous()  # filters may lie channels last, which PyTorch's does not read
    nn.init.orthogonal_(rows)
    matrix.detach().copy_(rows)


#: By the name that the spec gives it: what fills one matrix [outputs, inputs, ...].
SCHEMES: Mapping[str, Callable[[Tensor], object]] = {
    "he": partial(nn.init.kaiming_normal_, nonlinearity="relu"),  # He et al. 2015
    "xavier": nn.init.xavier_uniform_,  # Glorot and Bengio 2010
    "lecun": partial(nn.init.kaiming_normal_, nonlinearity="linear"),  # LeCun et al. 1998, Klambauer et al. 2017
    "orthogonal": _orthogonal,  # Saxe et al. 2014
    "normal": partial(nn.init.normal_, std=0.02),
}


def initialize(network: nn.Module, *, scheme: str) -> None:
    """Draw the weights of every linear, convolutional and recurrent layer anew, and set their biases to 0.

    `auto` leaves what the layers were built with. Norms, embeddings and positions keep theirs in any case.
    """
    if scheme == "auto":
        return
    for layer in network.modules():
        for matrix in _matrices(layer):
            SCHEMES[scheme](matrix)
        for bias in _biases(layer):
            nn.init.zeros_(bias)


def _matrices(layer: nn.Module) -> Iterator[Tensor]:
    """The matrices of a layer itself; each gate of a recurrent layer has its own."""
    if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
        yield layer.weight
    elif isinstance(layer, nn.RNNBase):
        for name, weights in layer.named_parameters():
            if name.startswith("weight"):
                yield from weights.detach().reshape(-1, layer.hidden_size, weights.shape[1])


def _biases(layer: nn.Module) -> Iterator[Tensor]:
    if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d) and layer.bias is not None:
        yield layer.bias
    elif isinstance(layer, nn.RNNBase):
        yield from (bias for name, bias in layer.named_parameters() if name.startswith("bias"))
