"""What networks are put together from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

NORMS: Mapping[str, Callable[[int], nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Skip(nn.Module):
    """Adds a block's input to its output (He et al. 2016)."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, width] to [N, width]."""
        out: Tensor = inputs + self.block(inputs)
        return out


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
