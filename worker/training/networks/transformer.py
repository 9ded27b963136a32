"""The transformer encoder: every step attends to every other."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.blocks import ACTIVATIONS, Skip
from worker.training.networks.inputs import Batch
from worker.training.networks.sequences import POOLINGS, Steps, sequence_input

SPREAD = 0.02  # deviation of learned positions and of the class token at the start


class Attention(nn.Module):
    """Norm, multi-head self-attention, dropout: [N, T, width] to [N, T, width]."""

    def __init__(self, width: int, *, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.num_heads, self.dropout = num_heads, dropout

    def forward(self, steps: Tensor, valid: Tensor | None = None) -> Tensor:
        """What each step takes from the valid steps."""
        split = self.queries_keys_values(self.norm(steps)).unflatten(2, (3, self.num_heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=None if valid is None else valid[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return nn.functional.dropout(out, self.dropout, self.training)


class Feedforward(nn.Sequential):
    """Norm, and an MLP with one hidden layer: [N, T, width] to [N, T, width]."""

    def __init__(self, width: int, hidden: int, *, activation: str, dropout: float) -> None:
        widening, narrowing = nn.Linear(width, hidden), nn.Linear(hidden, width)
        drop = nn.Dropout(dropout)
        super().__init__(nn.LayerNorm(width), widening, ACTIVATIONS[activation](), drop, narrowing, drop)


class Projected(nn.Module):
    """The rows of a window, each through one linear layer."""

    def __init__(self, spec: specs.Transformer, signature: Signature) -> None:
        super().__init__()
        self.input = sequence_input(signature, embedding_dim=spec.width)
        self.linear = nn.Linear(self.input.width, spec.width) if signature.series is not None else nn.Identity()
        self.length = (signature.series or signature.text or (0,))[0]

    def forward(self, batch: Batch) -> Steps:
        """ "series" [N, T, F] or "tokens" [N, T] to steps [N, T, width]."""
        steps, valid = self.input(batch)
        return self.linear(steps), valid


class Patches(nn.Module):
    """Square patches of an image, row by row; what is missing at the right and at the bottom is filled with zeros."""

    def __init__(self, spec: specs.Transformer, signature: Signature) -> None:
        super().__init__()
        if signature.image is None or spec.patch is None:
            raise ValueError("patches are cut from images, by a resolved spec")
        channels, height, width = signature.image
        side = spec.patch
        self.padding = (0, -width % side, 0, -height % side)
        self.convolution = nn.Conv2d(channels, spec.width, side, stride=side)
        self.length = math.ceil(height / side) * math.ceil(width / side)

    def forward(self, batch: Batch) -> Steps:
        """ "image" [N, C, H, W] to steps [N, T, width]."""
        patches: Tensor = self.convolution(nn.functional.pad(batch["image"], self.padding))
        return patches.flatten(2).transpose(1, 2), None


class Columns(nn.Module):
    """A step per column of a table: a number times a vector of its column plus another, a category's own vector."""

    def __init__(self, spec: specs.Transformer, signature: Signature) -> None:
        super().__init__()
        num_numbers, width = signature.num_numbers, spec.width
        bound = width**-0.5
        self.weight = nn.Parameter(nn.init.uniform_(torch.empty(num_numbers, width), -bound, bound))
        self.bias = nn.Parameter(nn.init.uniform_(torch.empty(num_numbers, width), -bound, bound))
        self.embeddings = nn.ModuleList(nn.Embedding(cardinality, width) for cardinality in signature.cardinalities)
        self.length = num_numbers + len(signature.cardinalities)

    def forward(self, batch: Batch) -> Steps:
        """ "numbers" [N, F] and "categories" [N, K] to steps [N, F + K, width]."""
        parts = [torch.addcmul(self.bias, self.weight, batch["numbers"][:, :, None])] if len(self.weight) else []
        for place, embedding in enumerate(self.embeddings):
            parts.append(embedding(batch["categories"][:, place, None]))
        return torch.cat(parts, dim=1), None


class Transformer(nn.Module):
    """Steps with positions, layers of attention and MLP, one vector made of all steps, and a linear head."""

    positions: Tensor

    def __init__(self, spec: specs.Transformer, signature: Signature) -> None:
        super().__init__()
        self.input = _input(spec, signature)
        self.pooling = spec.pooling
        if spec.positions == "learned":
            self.positions = nn.Parameter(SPREAD * torch.randn(self.input.length, spec.width))
        else:
            waves = sinusoids(self.input.length, spec.width) if spec.positions == "sinusoidal" else torch.zeros(())
            self.register_buffer("positions", waves, persistent=False)
        self.class_token = nn.Parameter(SPREAD * torch.randn(spec.width)) if spec.pooling == "class_token" else None
        self.dropout = nn.Dropout(spec.dropout)
        self.layers = nn.ModuleList(
            Skip(block)
            for _ in range(spec.num_layers)
            for block in (
                Attention(spec.width, num_heads=spec.num_heads, dropout=spec.dropout),
                Feedforward(
                    spec.width, spec.feedforward or 4 * spec.width, activation=spec.activation, dropout=spec.dropout
                ),
            )
        )
        self.norm = nn.LayerNorm(spec.width)
        self.head = nn.Linear(spec.width, signature.num_outputs)

    def forward(self, batch: Batch) -> Tensor:
        """A batch to outputs [N, num_outputs]."""
        steps, valid = self.input(batch)
        steps = self.dropout(steps + self.positions)
        if self.class_token is not None:
            steps = torch.cat([self.class_token.expand(len(steps), 1, -1), steps], dim=1)
            valid = None if valid is None else nn.functional.pad(valid, (1, 0), value=True)
        for layer in self.layers:
            attends = isinstance(layer.block, Attention)
            steps = layer(steps, valid) if attends else layer(steps)
        steps = self.norm(steps)
        pooled = steps[:, 0] if self.class_token is not None else POOLINGS[self.pooling](steps, valid)
        outputs: Tensor = self.head(pooled)
        return outputs


def _input(spec: specs.Transformer, signature: Signature) -> Projected | Patches | Columns:
    if signature.kind == "image":
        return Patches(spec, signature)
    return Columns(spec, signature) if signature.kind == "table" else Projected(spec, signature)


def sinusoids(length: int, width: int) -> Tensor:
    """Sines and cosines of each place [length, width], of wavelengths from 2 pi to 20000 pi (Vaswani et al. 2017)."""
    places = torch.arange(length)[:, None]
    angles = places * 10000 ** (-torch.arange(0, width, 2) / width)
    waves = torch.stack([angles.sin(), angles.cos()], dim=2)
    return waves.flatten(1)[:, :width]
