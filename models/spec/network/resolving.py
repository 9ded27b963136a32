"""Which network reads which data, and what `auto` in a network means for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from models.spec.base import Kind
from models.spec.mistakes import misfit
from models.spec.network import (
    AutoNetwork,
    Cnn,
    Gru,
    Initialized,
    Layers,
    Lstm,
    Mlp,
    Network,
    ResNet,
    Rnn,
    TabM,
    Tcn,
    Transformer,
)
from models.spec.network import Recurrent as RecurrentNetwork
from models.spec.network.layers import Layer, Norm, Residual
from models.spec.network.shapes import Shape, check_end, trace

#: The networks that read each kind of data; `auto` is the first.
NETWORKS: dict[Kind, tuple[type[Initialized], ...]] = {
    "table": (Mlp, TabM, Transformer, Layers),
    "image": (Cnn, ResNet, Mlp, Transformer, Layers),
    "series": (Lstm, Gru, Rnn, Tcn, Transformer, Mlp, Layers),
    "text": (Mlp, Lstm, Gru, Rnn, Tcn, Transformer, Layers),
    "mixed": (Mlp,),
}

FEWEST_ROWS_OF_TABM = 1000
MOST_COLUMNS_OF_TABM = 128
SMALLEST_BATCH_TO_NORM = 16
#: The norm of `auto` where batches are too small to measure a mean and a deviation on.
NORM_OF_SMALL_BATCHES: dict[type[Initialized], str] = {Mlp: "layer", Cnn: "none", ResNet: "group"}
TOKEN_WIDTH = 64
LARGEST_SMALL_IMAGE = 64
SMALL_STAGES, LARGE_STAGES = ((32, 64, 128), (1, 1, 1)), ((64, 128, 256, 512), (2, 2, 2, 2))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a network is chosen for: a kind of data, rows per batch, the shape (C, H, W) of images, steps of windows.

    `mixed` is a text beside other columns; `spelled_out`, whether texts are short rows of single characters. A table
    has about `num_train` rows to train on, of so many columns.
    """

    kind: Kind
    batch_size: int | Literal["full"]
    image: tuple[int, int, int] | None = None
    window: int | None = None
    spelled_out: bool = False
    num_train: int = 0
    num_columns: int = 0

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width."""
        return (1, 1) if self.image is None else self.image[1:]


#: What a stack of layers is given, as far as it is known before the data is read.
_INPUTS: Mapping[Kind, Callable[[Surroundings], Shape]] = {
    "table": lambda _around: Shape("vector", (None,)),
    "image": lambda around: Shape("image", around.image or (None, None, None)),
    "series": lambda around: Shape("sequence", (around.window, None)),
    "text": lambda _around: Shape("tokens", (None,)),
}


def resolved_network(network: Network, around: Surroundings) -> Network:
    """The network with nothing left open. Raises InvalidSpec where it does not read this data, or cannot in batches."""
    if isinstance(network, AutoNetwork):
        network = _automatic(around)
    if not isinstance(network, NETWORKS[around.kind]):
        fitting = ", ".join(member.model_fields["type"].default for member in NETWORKS[around.kind])
        raise misfit("#/network/type", f"{network.type} does not read this data ({around.kind}); these do: {fitting}")
    changes = _norm(network, batch_size=around.batch_size) | _tokens(network, kind=around.kind)
    if isinstance(network, ResNet):
        changes |= _stages(network, around)
    if isinstance(network, RecurrentNetwork | Tcn) and network.pooling == "auto":
        changes["pooling"] = "mean" if around.kind == "text" else "last"
    if isinstance(network, Transformer):
        changes |= _attention(network, around)
    if isinstance(network, Layers):
        _check_layers(network, around)
    return network.model_copy(update=changes)


def _automatic(around: Surroundings) -> Network:
    """The first network that reads this data, as it is by default; for texts and tables, what reads them best.

    Words, and the characters of languages that write words by them, say by themselves what a text is about, so that a
    linear layer on their vectors is hard to beat; the letters of a name say little without their order. Tables of some
    size are what TabM is for; small ones are learned in a moment by an MLP, and with very many columns it takes long.
    """
    if around.kind == "table" and around.num_train >= FEWEST_ROWS_OF_TABM:
        return TabM() if around.num_columns <= MOST_COLUMNS_OF_TABM else Mlp()
    if around.kind == "text":
        return Gru(bidirectional=True, dropout=0.2) if around.spelled_out else Mlp(hidden=(), norm="none", dropout=0.0)
    return cast("Network", NETWORKS[around.kind][0]())


def _check_layers(network: Layers, around: Surroundings) -> None:
    """Find layers that do not fit as early as the data allows; the rest is found where the network is built."""
    check_end(trace(network.layers, _INPUTS[around.kind](around))[-1])
    for place, layer in _each(network.layers):
        if around.batch_size == 1 and isinstance(layer, Norm) and layer.kind == "batch":
            raise misfit(f"#/network/layers/{place}/kind", "cannot be batch with a batch_size of 1")


def _each(layers: Sequence[Layer]) -> Iterator[tuple[str, Layer]]:
    for number, layer in enumerate(layers):
        yield str(number), layer
        if isinstance(layer, Residual):
            yield from ((f"{number}/layers/{place}", inner) for place, inner in _each(layer.layers))


def has_batch_norm(network: Network) -> bool:
    """Whether the network measures something over the batch, which a single row cannot stand for."""
    if isinstance(network, Layers):
        return any(isinstance(layer, Norm) and layer.kind == "batch" for _, layer in _each(network.layers))
    return isinstance(network, Mlp | Cnn | ResNet) and network.norm == "batch"


def has_skips(network: Network) -> bool:
    """Whether the network has blocks that stochastic depth can leave out."""
    if isinstance(network, Layers):
        return any(isinstance(layer, Residual) for layer in network.layers)
    return isinstance(network, ResNet | Tcn | Transformer) or (isinstance(network, Mlp) and network.skip)


def _norm(network: Network, *, batch_size: int | Literal["full"]) -> dict[str, Any]:
    """Batch norm needs batches large enough to measure a mean and a deviation on."""
    if not isinstance(network, Mlp | Cnn | ResNet):
        return {}
    if network.norm == "batch" and batch_size == 1:
        raise misfit("#/network/norm", "cannot be batch with a batch_size of 1: one row has no deviation")
    if network.norm != "auto":
        return {}
    large = batch_size == "full" or batch_size >= SMALLEST_BATCH_TO_NORM
    return {"norm": "batch" if large else NORM_OF_SMALL_BATCHES[type(network)]}


def _tokens(network: Network, *, kind: Kind) -> dict[str, Any]:
    if not isinstance(network, Mlp | RecurrentNetwork | Tcn):
        return {}
    if kind in ("text", "mixed"):
        return {"embedding_dim": network.embedding_dim or TOKEN_WIDTH}
    if network.embedding_dim is not None:
        raise misfit("#/network/embedding_dim", f"is for the tokens of texts; this data is {kind}")
    return {}


def _stages(network: ResNet, around: Surroundings) -> dict[str, Any]:
    size = around.image_size
    large = min(size) > LARGEST_SMALL_IMAGE
    changes: dict[str, Any] = {} if network.stem != "auto" else {"stem": "strided" if large else "plain"}
    if network.widths == "auto":
        widths, depths = LARGE_STAGES if large else SMALL_STAGES
        changes |= {"widths": widths, "depths": depths}
    return changes


def _attention(network: Transformer, around: Surroundings) -> dict[str, Any]:
    changes: dict[str, Any] = {"feedforward": network.feedforward or 4 * network.width}
    if network.positions == "auto":
        changes["positions"] = "none" if around.kind == "table" else "learned"
    if network.pooling == "auto":
        changes["pooling"] = {"series": "last", "table": "class_token"}.get(around.kind, "mean")
    if around.kind == "table" and network.pooling == "last":
        raise misfit("#/network/pooling", "cannot be last: the columns of a table have no order")
    if around.kind != "image":
        if network.patch is not None:
            raise misfit("#/network/patch", f"is for images; this data is {around.kind}")
        return changes
    height, width = around.image_size
    patch = network.patch or max(1, round(min(height, width) / 8))
    if patch > min(height, width):
        raise misfit("#/network/patch", f"{patch} is larger than the image, which is {height} x {width}")
    return changes | {"patch": patch}
