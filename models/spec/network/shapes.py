"""What goes through a stack of layers: the shape behind each of them, or which one cannot read what it gets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from models.spec.mistakes import misfit
from models.spec.network import layers as specs

Size = int | None  #: None where only the data will tell


_NAMES = {"vector": "a vector", "tokens": "tokens", "sequence": "a sequence", "image": "an image"}


@dataclass(frozen=True, slots=True)
class Shape:
    """A row on its way: a vector (width), tokens (T), a sequence (T, width), or an image (C, H, W).

    `padded`: the sequence is a text's, so that steps behind its end mean nothing.
    """

    kind: Literal["vector", "tokens", "sequence", "image"]
    sizes: tuple[Size, ...]
    padded: bool = False

    @property
    def channels(self) -> Size:
        """Values at each place."""
        return self.sizes[0] if self.kind == "image" else self.sizes[-1]

    def __str__(self) -> str:
        return f"{_NAMES[self.kind]} of {' x '.join('?' if size is None else str(size) for size in self.sizes)}"

    def with_channels(self, channels: Size) -> Shape:
        """The same places with other values."""
        sizes = (channels, *self.sizes[1:]) if self.kind == "image" else (*self.sizes[:-1], channels)
        return replace(self, sizes=sizes)

    def with_places(self, along: Callable[[int], int]) -> Shape:
        """The same values at other places; raises ValueError where none is left."""
        places = [size if size is None else along(size) for size in self._places]
        if any(size is not None and size < 1 for size in places):
            raise ValueError(f"leaves nothing of {self}")
        return replace(self, sizes=(self.sizes[0], *places) if self.kind == "image" else (*places, self.sizes[-1]))

    @property
    def _places(self) -> tuple[Size, ...]:
        return self.sizes[1:] if self.kind == "image" else self.sizes[:-1]


def trace(layers: Sequence[specs.Layer], shape: Shape, *, at: str = "#/network/layers") -> list[Shape]:
    """The shapes in front of each layer and behind the last; raises InvalidSpec pointing at a layer that cannot be."""
    shapes = [shape]
    for number, layer in enumerate(layers):
        try:
            if isinstance(layer, specs.Residual):
                shapes.append(_residual(layer, shapes[-1], at=f"{at}/{number}"))
            else:
                shapes.append(_AFTER[type(layer)](layer, shapes[-1]))
        except ValueError as error:
            raise misfit(f"{at}/{number}", f"{layer.type} {error}") from None
    return shapes


def check_end(shape: Shape) -> None:
    """Raise InvalidSpec unless a linear layer to the outputs can follow."""
    if shape.kind != "vector":
        raise misfit("#/network/layers", f"end in {shape}; the last must be flatten, global_pool or behind one")


def _residual(layer: specs.Residual, shape: Shape, *, at: str) -> Shape:
    after = trace(layer.layers, shape, at=f"{at}/layers")[-1]
    if after.kind != shape.kind or after.with_channels(shape.channels) != shape:
        raise ValueError(f"turns {shape} into {after}; only the channels may change, which are the values at a place")
    return after


def _same(_layer: Any, shape: Shape) -> Shape:
    return _of(shape, "vector", "sequence", "image")


def _of(shape: Shape, *kinds: str) -> Shape:
    """The shape, if it is of one of these kinds; else raises ValueError saying what to put in front."""
    if shape.kind in kinds:
        return shape
    cure = (
        "put an embedding first"
        if shape.kind == "tokens"
        else "it reads " + " or ".join(_NAMES[kind] for kind in kinds)
    )
    if shape.kind == "image" and "vector" in kinds:
        cure += "; flatten or pool the image first"
    raise ValueError(f"cannot read {shape}: {cure}")


def _linear(layer: specs.Linear, shape: Shape) -> Shape:
    return _of(shape, "vector", "sequence").with_channels(layer.width)


def _conv(layer: specs.Conv, shape: Shape) -> Shape:
    _of(shape, "sequence", "image")
    if layer.padding == "causal" and shape.kind == "image":
        raise ValueError("cannot be causal over an image: its places have no order")
    for what, channels in (("inputs", shape.channels), ("channels", layer.channels)):
        if channels is not None and channels % layer.groups:
            raise ValueError(f"has {channels} {what}, which cannot be parted into {layer.groups} groups")
    reach = (layer.kernel_size - 1) * layer.dilation
    padding = 0 if layer.padding == "none" else reach
    return shape.with_places(lambda size: (size + padding - reach - 1) // layer.stride + 1).with_channels(
        layer.channels
    )


def _pool(layer: specs.Pool, shape: Shape) -> Shape:
    stride = layer.stride or layer.size
    return _of(shape, "sequence", "image").with_places(lambda size: (size - layer.size) // stride + 1)


def _global_pool(layer: specs.GlobalPool, shape: Shape) -> Shape:
    _of(shape, "sequence", "image")
    if layer.kind == "last" and shape.kind == "image":
        raise ValueError("cannot take the last of an image: its places have no order")
    return Shape("vector", (shape.channels,))


def _norm(layer: specs.Norm, shape: Shape) -> Shape:
    if layer.kind == "batch" and shape.padded:
        raise ValueError("cannot be batch over a text: it would measure the padding too; layer and group do not")
    return _same(layer, shape)


def _flatten(_layer: specs.Flatten, shape: Shape) -> Shape:
    sizes = _of(shape, "vector", "sequence", "image").sizes
    return Shape("vector", (None if None in sizes else math.prod(size for size in sizes if size is not None),))


def _embedding(layer: specs.Embedding, shape: Shape) -> Shape:
    if shape.kind != "tokens":
        raise ValueError(f"cannot read {shape}: it is for the tokens of a text, as the first layer")
    return Shape("sequence", (shape.sizes[0], layer.width), padded=True)


def _steps(_layer: Any, shape: Shape) -> Shape:
    return _of(shape, "sequence")


def _recurrent(layer: specs.RecurrentLayer, shape: Shape) -> Shape:
    return _of(shape, "sequence").with_channels(layer.width * (2 if layer.bidirectional else 1))


def _attention(layer: specs.AttentionLayer, shape: Shape) -> Shape:
    width = _of(shape, "sequence").channels
    if width is not None and width % layer.num_heads:
        raise ValueError(f"has {layer.num_heads} heads, which cannot share steps of {width}")
    return shape


_AFTER: Mapping[type, Callable[[Any, Shape], Shape]] = {
    specs.Linear: _linear,
    specs.Conv: _conv,
    specs.Pool: _pool,
    specs.GlobalPool: _global_pool,
    specs.Norm: _norm,
    specs.Activate: _same,
    specs.Dropout: _same,
    specs.Flatten: _flatten,
    specs.Embedding: _embedding,
    specs.Positions: _steps,
    specs.RecurrentLayer: _recurrent,
    specs.AttentionLayer: _attention,
}
