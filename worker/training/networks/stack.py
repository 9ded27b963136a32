"""One's own stack of layers, built from their declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.spec import network as networks
from models.spec.network import layers as specs
from models.spec.network.shapes import Shape, check_end, trace
from worker.training.data import Signature
from worker.training.networks.blocks import ACTIVATIONS, IMAGE_NORMS, NORMS, Skip
from worker.training.networks.inputs import Batch, TableInput
from worker.training.networks.recurrent import BothWays
from worker.training.networks.sequences import POOLINGS, Steps, TokenInput
from worker.training.networks.transformer import SPREAD, Attention

CELLS: Mapping[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Plain(nn.Module):
    """A layer that reads every row, or every step, by itself."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, values: Tensor, valid: Tensor | None) -> Steps:
        """The values through the layer; as many steps are valid as before."""
        return self.module(values), valid


class OverChannels(nn.Module):
    """A layer that wants the channels of a sequence in front: [N, T, width] becomes [N, width, T] for it.

    `stride` and `size` say which steps it answers. Steps behind the end of a text count as zeros.
    """

    def __init__(self, module: nn.Module, *, before: tuple[int, int] = (0, 0), stride: int = 1) -> None:
        super().__init__()
        self.module, self.before, self.stride = module, before, stride

    def forward(self, values: Tensor, valid: Tensor | None) -> Steps:
        """[N, T, width] to [N, T', channels], and which of these steps begin at a valid one."""
        if valid is not None:
            values = values * valid[:, :, None]
        padded = nn.functional.pad(values.transpose(1, 2), self.before)
        answered: Tensor = self.module(padded).transpose(1, 2)
        return answered, None if valid is None else valid[:, :: self.stride][:, : answered.shape[1]]


class ByStep(nn.Module):
    """A norm of channels, for each step of a sequence by itself."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, values: Tensor, valid: Tensor | None) -> Steps:
        """[N, T, width] to [N, T, width]."""
        return self.norm(values.flatten(0, 1)).view_as(values), valid


class Placed(nn.Module):
    """Adds a learned vector to each step."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(SPREAD * torch.randn(length, width))

    def forward(self, values: Tensor, valid: Tensor | None) -> Steps:
        """[N, T, width] to [N, T, width]."""
        return values + self.weight, valid


class Remembering(nn.Module):
    """A recurrent layer whose states are the new sequence."""

    def __init__(self, spec: specs.RecurrentLayer, shape: Shape) -> None:
        super().__init__()
        width = _known(shape.channels)
        cell = CELLS[spec.cell]
        self.layer: nn.Module = (
            BothWays(cell, width, spec.width, depth=1, dropout=0.0)
            if spec.bidirectional and shape.padded
            else cell(width, spec.width, batch_first=True, bidirectional=spec.bidirectional)
        )

    def forward(self, values: Tensor, valid: Tensor | None) -> Steps:
        """[N, T, width] to [N, T, width of the state]."""
        read = self.layer(values, valid) if isinstance(self.layer, BothWays) else self.layer(values)[0]
        return read, valid


class Attending(nn.Module):
    """Self-attention over the valid steps."""

    def __init__(self, spec: specs.AttentionLayer, shape: Shape) -> None:
        super().__init__()
        self.layer = Attention(_known(shape.channels), num_heads=spec.num_heads, dropout=spec.dropout)

    def forward(self, values: Tensor, valid: Tensor | None) -> Steps:
        """[N, T, width] to [N, T, width]."""
        return self.layer(values, valid), valid


class Pooled(nn.Module):
    """One vector out of all valid places."""

    def __init__(self, kind: str, *, image: bool) -> None:
        super().__init__()
        self.kind, self.image = kind, image

    def forward(self, values: Tensor, valid: Tensor | None) -> Steps:
        """[N, T, width] or [N, C, H, W] to [N, width]."""
        steps = values.flatten(2).transpose(1, 2) if self.image else values
        return POOLINGS[self.kind](steps, valid), None


class Flat(nn.Module):
    """Everything side by side; steps behind the end of a text count as zeros."""

    def forward(self, values: Tensor, valid: Tensor | None) -> Steps:
        """[N, ...] to [N, width]."""
        if valid is not None:
            values = values * valid[:, :, None]
        return values.flatten(1), None


class Inner(nn.Module):
    """The layers of a residual block."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, values: Tensor, valid: Tensor | None) -> Tensor:
        """Values to values of the same places."""
        for layer in self.layers:
            values, valid = layer(values, valid)
        return values


class Around(nn.Module):
    """A residual block: where its channels differ, its input goes through a linear map of them."""

    def __init__(self, spec: specs.Residual, shape: Shape) -> None:
        super().__init__()
        shapes = trace(spec.layers, shape)
        before, after = _known(shape.channels), _known(shapes[-1].channels)
        projection: nn.Module | None = None
        if before != after:
            projection = nn.Conv2d(before, after, 1) if shape.kind == "image" else nn.Linear(before, after)
        self.skip = Skip(Inner(_built(spec.layers, shapes)), shortcut=projection)

    def forward(self, values: Tensor, valid: Tensor | None) -> Steps:
        """Values with what the layers make of them added."""
        return self.skip(values, valid), valid


def _linear(spec: specs.Linear, shape: Shape) -> nn.Module:
    return Plain(nn.Linear(_known(shape.channels), spec.width))


def _conv(spec: specs.Conv, shape: Shape) -> nn.Module:
    inputs = _known(shape.channels)
    reach = (spec.kernel_size - 1) * spec.dilation
    before = {"same": (reach // 2, reach - reach // 2), "causal": (reach, 0), "none": (0, 0)}[spec.padding]
    shared: dict[str, Any] = {"stride": spec.stride, "dilation": spec.dilation, "groups": spec.groups}
    if shape.kind == "sequence":
        convolution = nn.Conv1d(inputs, spec.channels, spec.kernel_size, **shared)
        return OverChannels(convolution, before=before, stride=spec.stride)
    flat = nn.Conv2d(inputs, spec.channels, spec.kernel_size, **shared)
    return Plain(nn.Sequential(nn.ZeroPad2d((*before, *before)), flat) if any(before) else flat)


def _pool(spec: specs.Pool, shape: Shape) -> nn.Module:
    stride = spec.stride or spec.size
    if shape.kind == "image":
        return Plain(nn.MaxPool2d(spec.size, stride) if spec.kind == "max" else nn.AvgPool2d(spec.size, stride))
    pool = nn.MaxPool1d(spec.size, stride) if spec.kind == "max" else nn.AvgPool1d(spec.size, stride)
    return OverChannels(pool, stride=stride)


def _norm(spec: specs.Norm, shape: Shape) -> nn.Module:
    channels = _known(shape.channels)
    if shape.kind == "image":
        return Plain(IMAGE_NORMS[spec.kind](channels))
    norm = NORMS[spec.kind](channels)
    if shape.kind == "vector":
        return Plain(norm)
    return OverChannels(norm) if spec.kind == "batch" else ByStep(norm)


BUILDERS: Mapping[type, Callable[[Any, Shape], nn.Module]] = {
    specs.Linear: _linear,
    specs.Conv: _conv,
    specs.Pool: _pool,
    specs.GlobalPool: lambda spec, shape: Pooled(spec.kind, image=shape.kind == "image"),
    specs.Norm: _norm,
    specs.Activate: lambda spec, _shape: Plain(ACTIVATIONS[spec.function]()),
    specs.Dropout: lambda spec, _shape: Plain(nn.Dropout(spec.p)),
    specs.Flatten: lambda _spec, _shape: Flat(),
    specs.Positions: lambda _spec, shape: Placed(_known(shape.sizes[0]), _known(shape.channels)),
    specs.RecurrentLayer: Remembering,
    specs.AttentionLayer: Attending,
    specs.Residual: Around,
}


class Stack(nn.Module):
    """The layers, and a linear head. Raises InvalidSpec pointing at the layer that cannot read what it gets."""

    def __init__(self, spec: networks.Layers, signature: Signature) -> None:
        super().__init__()
        self.kind = signature.kind
        layers, shape = list(spec.layers), input_shape(signature)
        shapes = trace(layers, shape)
        check_end(shapes[-1])
        self.input: nn.Module | None = None
        if signature.kind == "table":
            self.input = TableInput(signature)
        if signature.text is not None and isinstance(layers[0], specs.Embedding):
            self.input = TokenInput(signature.text[1], layers[0].width)
            layers, shapes = layers[1:], shapes[1:]
        self.layers = nn.ModuleList(_built(layers, shapes))
        self.head = nn.Linear(_known(shapes[-1].channels), signature.num_outputs)
        if signature.kind == "image":
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, batch: Batch) -> Tensor:
        """A batch to outputs [N, num_outputs]."""
        values, valid = self._read(batch)
        for layer in self.layers:
            values, valid = layer(values, valid)
        outputs: Tensor = self.head(values)
        return outputs

    def _read(self, batch: Batch) -> Steps:
        if isinstance(self.input, TokenInput):
            steps: Steps = self.input(batch)
            return steps
        if self.input is not None:
            return self.input(batch), None
        values = batch[self.kind]
        return values.contiguous(memory_format=torch.channels_last) if self.kind == "image" else values, None


def input_shape(signature: Signature) -> Shape:
    """What a stack of layers is given."""
    if signature.image is not None:
        return Shape("image", signature.image)
    if signature.series is not None:
        return Shape("sequence", signature.series)
    if signature.text is not None:
        return Shape("tokens", (signature.text[0],))
    return Shape("vector", (TableInput(signature).width,))


def _built(layers: Sequence[specs.Layer], shapes: Sequence[Shape]) -> list[nn.Module]:
    return [BUILDERS[type(layer)](layer, shape) for layer, shape in zip(layers, shapes, strict=False)]


def _known(size: int | None) -> int:
    if size is None:
        raise ValueError("the data has not told this size")
    return size
