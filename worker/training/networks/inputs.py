"""From what preprocessing hands over to one flat vector per row."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from worker.training.data import Signature

Batch = dict[str, Tensor]

PADDING = 0
FIRST_DEVIATION = 0.1


def embedding_width(cardinality: int) -> int:
    """Numbers per category: 1.6 * n ** 0.56, at most 600 (fastai's rule of thumb)."""
    return min(600, round(1.6 * math.pow(cardinality, 0.56)))


class TableInput(nn.Module):
    """Numbers, embedded categories, and the bag of a text's tokens, side by side."""

    def __init__(self, signature: Signature, *, embedding_dim: int | None = None) -> None:
        super().__init__()
        self.has_numbers = signature.num_numbers > 0
        widths = [embedding_width(cardinality) for cardinality in signature.cardinalities]
        pairs = zip(signature.cardinalities, widths, strict=True)
        self.embeddings = nn.ModuleList(nn.Embedding(cardinality, width) for cardinality, width in pairs)
        self.text = None if signature.text is None else bag_of_tokens(signature.text, embedding_dim)
        self.width = signature.num_numbers + sum(widths) + (0 if self.text is None else self.text.width)

    def forward(self, batch: Batch) -> Tensor:
        """ "numbers" [N, F], "categories" [N, K] and "tokens" [N, T], those that there are, to [N, width]."""
        parts = [batch["numbers"]] if self.has_numbers else []
        parts += [embedding(batch["categories"][:, place]) for place, embedding in enumerate(self.embeddings)]
        if self.text is not None:
            parts.append(self.text(batch))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


class FlatInput(nn.Module):
    """An image or a window as one row of numbers."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.name = name
        self.width = math.prod(shape)

    def forward(self, batch: Batch) -> Tensor:
        """[N, ...] to [N, width]."""
        return batch[self.name].flatten(1)


class BagOfTokens(nn.Module):
    """A text as the sum of its tokens' vectors over the root of their number, padding left out.

    As fastText (Joulin et al. 2017), but so that long texts are as large as short ones: a mean of a thousand vectors is
    next to nothing, which makes for slow steps. The first vectors are small: what a word says has to be learned, and
    thousands of random ones are a noise that training rows are remembered by.
    """

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocabulary, width, mode="sum", padding_idx=PADDING)
        nn.init.normal_(self.embedding.weight, std=FIRST_DEVIATION)
        nn.init.zeros_(self.embedding.weight[PADDING])
        self.width = width

    def forward(self, batch: Batch) -> Tensor:
        """ "tokens" [N, T] to [N, width]."""
        tokens = batch["tokens"]
        sizes = (tokens != PADDING).sum(1, keepdim=True).clamp(min=1)
        vectors: Tensor = self.embedding(tokens) / sizes.sqrt()
        return vectors


def bag_of_tokens(text: tuple[int, int], embedding_dim: int | None) -> BagOfTokens:
    """The bag of a signature's text; raises ValueError where its vectors have no length."""
    if embedding_dim is None:
        raise ValueError("tokens need an embedding_dim")
    return BagOfTokens(text[1], embedding_dim)


def flat_input(signature: Signature, *, embedding_dim: int | None = None) -> TableInput | FlatInput | BagOfTokens:
    """The input stage of networks that read flat vectors."""
    if signature.image is not None:
        return FlatInput("image", signature.image)
    if signature.series is not None:
        return FlatInput("series", signature.series)
    if signature.kind == "text" and signature.text is not None:
        return bag_of_tokens(signature.text, embedding_dim)
    return TableInput(signature, embedding_dim=embedding_dim)
