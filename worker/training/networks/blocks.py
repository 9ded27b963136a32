"""What networks are put together from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor, nn

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
}

MOST_GROUPS = 32
#: A group that is measured needs some values: one would always become 0, and of two only the larger would be told.
FEWEST_OF_A_ROW, FEWEST_CHANNELS = 8, 2


def num_groups(width: int, *, fewest: int) -> int:
    """Groups of group norm: 32 (Wu and He 2018), or as many of them as divide the width and have `fewest` or more."""
    groups = math.gcd(MOST_GROUPS, width)
    while groups > 1 and width // groups < fewest:
        groups //= 2
    return groups


#: Norms over rows of features [N, width], and over images [N, width, H, W].
NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
    "group": lambda width: nn.GroupNorm(num_groups(width, fewest=FEWEST_OF_A_ROW), width),
}
IMAGE_NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": lambda width: nn.GroupNorm(1, width),
    "group": lambda width: nn.GroupNorm(num_groups(width, fewest=FEWEST_CHANNELS), width),
}


class Dropout(nn.Dropout):
    """Dropout that decides by 16 random bits per value, four decisions to a draw.

    PyTorch's own draws a number per value, which on a CPU takes three times as long and a quarter of TabM's step.
    """

    _CHANCES: Final = 1 << 16
    _PER_DRAW: Final = 4

    def forward(self, inputs: Tensor) -> Tensor:
        """Values of any shape, the share `p` of them 0 while training and the others larger to make up for it."""
        dropped = round(self.p * self._CHANCES)
        if not self.training or not dropped or inputs.device.type != "cpu":
            return super().forward(inputs)
        num_draws = -(-inputs.numel() // self._PER_DRAW)
        draws = torch.randint(-(1 << 63), (1 << 63) - 1, (num_draws,), dtype=torch.int64)
        bits = draws.view(torch.int16)[: inputs.numel()].view_as(inputs)
        kept = (bits >= dropped - self._CHANCES // 2).to(inputs.dtype)
        return inputs * kept.mul_(self._CHANCES / (self._CHANCES - dropped))


class Skip(nn.Module):
    """Adds a block's input to its output (He et al. 2016).

    `shortcut` brings the input to the shape of the output where they differ. `drop` is the chance that a row leaves the
    block out while training (stochastic depth, Huang et al. 2016); what the others get from it is scaled up, so that
    nothing is left to do in evaluation.
    """

    def __init__(self, block: nn.Module, *, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.block = block
        self.shortcut = shortcut
        self.drop = 0.0

    def forward(self, inputs: Tensor, *context: Tensor | None) -> Tensor:
        """Inputs [N, ...] to outputs; `context` is handed to the block."""
        out: Tensor = self.block(inputs, *context)
        if self.drop and self.training:
            kept = torch.rand(len(out), *[1] * (out.ndim - 1), device=out.device) >= self.drop
            out = out * (kept.to(out.dtype) / (1 - self.drop))
        return out + (inputs if self.shortcut is None else self.shortcut(inputs))


def deepen_stochastically(network: nn.Module, *, drop: float) -> None:
    """Set the chance of each skip block to be left out: rising in a straight line to `drop` at the last one."""
    skips = [module for module in network.modules() if isinstance(module, Skip)]
    for number, skip in enumerate(skips, start=1):
        skip.drop = drop * number / len(skips)


def dense(
    num_inputs: int,
    widths: Sequence[int],
    *,
    activation: str,
    norm: str = "none",
    dropout: float = 0.0,
    skip: bool = False,
) -> tuple[list[nn.Module], int]:
    """Fully connected layers, each linear, norm, activation and dropout, and the width that comes out."""
    layers: list[nn.Module] = []
    for width in widths:
        layer: list[nn.Module] = [nn.Linear(num_inputs, width)]
        if norm != "none":
            layer.append(NORMS[norm](width))
        layer.append(ACTIVATIONS[activation]())
        if dropout:
            layer.append(nn.Dropout(dropout))
        layers += [Skip(nn.Sequential(*layer))] if skip and width == num_inputs else layer
        num_inputs = width
    return layers, num_inputs
