"""From what preprocessing hands over to one flat vector per row."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from worker.training.data import Signature

Batch = dict[str, Tensor]

PADDING = 0


def embedding_width(cardinality: int) -> int:
    """Numbers per category: 1.6 * n ** 0.56, at most 600 (fastai's rule of thumb)."""
    return min(600, round(1.6 * math.pow(cardinality, 0.56)))


class TableInput(nn.Module):
    """Numbers and embedded categories, side by side."""

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        self.has_numbers = signature.num_numbers > 0
        widths = [embedding_width(cardinality) for cardinality in signature.cardinalities]
        pairs = zip(signature.cardinalities, widths, strict=True)
        self.embeddings = nn.ModuleList(nn.Embedding(cardinality, width) for cardinality, width in pairs)
        self.width = signature.num_numbers + sum(widths)

    def forward(self, batch: Batch) -> Tensor:
        """ "numbers" [N, F] and "categories" [N, K] to [N, width]."""
        if not self.embeddings:
            return batch["numbers"]
        codes = batch["categories"]
        parts = [embedding(codes[:, place]) for place, embedding in enumerate(self.embeddings)]
        return torch.cat([batch["numbers"], *parts] if self.has_numbers else parts, dim=1)


class FlatInput(nn.Module):
    """An image or a window as one row of numbers."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.name = name
        self.width = math.prod(shape)

    def forward(self, batch: Batch) -> Tensor:
        """[N, ...] to [N, width]."""
        return batch[self.name].flatten(1)


class MeanOfTokens(nn.Module):
    """A text as the mean of its tokens' vectors, padding left out; an empty text is all zeros."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocabulary, width, mode="mean", padding_idx=PADDING)
        self.width = width

    def forward(self, batch: Batch) -> Tensor:
        """ "tokens" [N, T] to [N, width]."""
        vectors: Tensor = self.embedding(batch["tokens"])
        return vectors


def flat_input(signature: Signature, *, embedding_dim: int | None = None) -> TableInput | FlatInput | MeanOfTokens:
    """The input stage of networks that read flat vectors."""
    if signature.image is not None:
        return FlatInput("image", signature.image)
    if signature.series is not None:
        return FlatInput("series", signature.series)
    if signature.text is not None:
        if embedding_dim is None:
            raise ValueError("tokens need an embedding_dim")
        return MeanOfTokens(signature.text[1], embedding_dim)
    return TableInput(signature)
