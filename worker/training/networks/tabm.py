"""TabM: an ensemble of MLPs in the space of one (Gorishniy et al. 2025, after BatchEnsemble, Wen et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.blocks import ACTIVATIONS, Dropout
from worker.training.networks.inputs import Batch, embedding_width
from worker.training.networks.numbers import PiecewiseLinear


class Features(nn.Module):
    """Embedded numbers and embedded categories, side by side. `widths`: what each column takes of the whole."""

    def __init__(self, spec: specs.TabM, signature: Signature) -> None:
        super().__init__()
        num_numbers = signature.num_numbers
        categories = [embedding_width(cardinality) for cardinality in signature.cardinalities]
        self.numbers: PiecewiseLinear | None = None
        if spec.bins is not None and num_numbers:
            self.numbers = PiecewiseLinear(num_numbers, bins=spec.bins, width=spec.embedding_dim)
        self.has_numbers = num_numbers > 0
        pairs = zip(signature.cardinalities, categories, strict=True)
        self.embeddings = nn.ModuleList(nn.Embedding(cardinality, width) for cardinality, width in pairs)
        self.widths = [spec.embedding_dim if self.numbers is not None else 1] * num_numbers + categories

    def forward(self, batch: Batch) -> Tensor:
        """ "numbers" [N, F] and "categories" [N, K] to [N, sum of widths]."""
        parts = []
        if self.has_numbers:
            numbers = batch["numbers"]
            parts.append(numbers if self.numbers is None else self.numbers(numbers).flatten(1))
        for place, embedding in enumerate(self.embeddings):
            parts.append(embedding(batch["categories"][:, place]))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def fit(self, batch: Batch) -> None:
        """Measure the bins of the numbers on training rows."""
        if self.numbers is not None:
            self.numbers.fit(batch["numbers"])


class Scales(nn.Module):
    """What each member multiplies its inputs with: [N, width] or [N, k, width] to [N, k, width]."""

    def __init__(self, heads: int, widths: Sequence[int], *, drawn: bool) -> None:
        super().__init__()
        columns = torch.randn(heads, len(widths)) if drawn else torch.ones(heads, len(widths))
        self.weight = nn.Parameter(columns.repeat_interleave(torch.tensor(widths), dim=1))

    def forward(self, inputs: Tensor) -> Tensor:
        """The inputs of every member."""
        scaled: Tensor = (inputs if inputs.ndim == 3 else inputs[:, None]) * self.weight
        return scaled


class Heads(nn.Module):
    """A linear layer per member, [N, k, width] to [N, k, num_outputs]."""

    def __init__(self, heads: int, width: int, num_outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width)
        self.weight = nn.Parameter(nn.init.uniform_(torch.empty(heads, width, num_outputs), -bound, bound))
        self.bias = nn.Parameter(nn.init.uniform_(torch.empty(heads, num_outputs), -bound, bound))

    def forward(self, inputs: Tensor) -> Tensor:
        """Each member's inputs through its own layer."""
        return torch.einsum("nkd,kdo->nko", inputs, self.weight) + self.bias


class TabM(nn.Module):
    """Members that differ in how they scale the inputs of shared layers, and in their linear heads.

    Each starts from scales of its own, one per column, so they see the columns differently and come to differ. In
    `full` every layer has scales and biases per member; those behind the first start equal.
    """

    def __init__(self, spec: specs.TabM, signature: Signature) -> None:
        super().__init__()
        if signature.kind != "table":
            raise ValueError("TabM reads tables")
        self.is_classifier = signature.task == "classification"
        self.one_vs_rest = signature.one_vs_rest
        self.input = Features(spec, signature)
        width = sum(self.input.widths)
        layers: list[nn.Module] = [Scales(spec.heads, self.input.widths, drawn=True)]
        for number, size in enumerate(spec.hidden):
            if spec.variant == "full" and number:
                layers.append(Scales(spec.heads, [1] * width, drawn=False))
            layers.append(nn.Linear(width, size))
            if spec.variant == "full":
                layers.append(Scales(spec.heads, [1] * size, drawn=False))
            layers += [ACTIVATIONS[spec.activation](), Dropout(spec.dropout)]
            width = size
        self.layers = nn.Sequential(*layers)
        self.heads = Heads(spec.heads, width, signature.num_outputs)

    def forward(self, batch: Batch) -> Tensor:
        """A batch to outputs [N, k, num_outputs] while training, else to those of the ensemble [N, num_outputs]."""
        outputs: Tensor = self.heads(self.layers(self.input(batch)))
        return outputs if self.training else self._agreed(outputs)

    def _agreed(self, outputs: Tensor) -> Tensor:
        """What the members predict on average, as the logits of their mean probabilities where there are classes."""
        if not self.is_classifier:
            return outputs.mean(1)
        if self.one_vs_rest:
            yes, no = (nn.functional.logsigmoid(signed).logsumexp(1) for signed in (outputs, -outputs))
            return yes - no
        return outputs.log_softmax(2).logsumexp(1) - math.log(outputs.shape[1])
