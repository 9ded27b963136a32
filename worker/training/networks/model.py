"""Preprocessing and network as one module: what trains is what predicts, and what is exported."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.training.data import Signature
from worker.training.networks.inputs import Batch


class Model(nn.Module):
    """Raw tensors in, predictions out. Its state is `weights.safetensors`."""

    target_mean: Tensor
    target_std: Tensor

    def __init__(self, preprocessing: nn.Module, network: nn.Module, signature: Signature) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.network = network
        self.is_classifier = signature.classes is not None
        self.one_vs_rest = signature.one_vs_rest
        self.quantiles = signature.quantiles
        if not self.is_classifier:
            self.register_buffer("target_mean", torch.tensor(signature.target_mean or 0.0))
            self.register_buffer("target_std", torch.tensor(signature.target_std or 1.0))

    def forward(self, batch: Batch) -> Tensor:
        """Raw inputs to what the loss reads: logits [N, classes], or standardised values [N, outputs]."""
        outputs: Tensor = self.network(self.preprocessing(batch))
        return outputs

    def predict(self, batch: Batch) -> Tensor:
        """Raw inputs to probabilities [N, classes], or values in original units [N, answers]."""
        return self.readable(self(batch))

    def readable(self, outputs: Tensor) -> Tensor:
        """Outputs as people read them: probabilities, or values in original units."""
        if self.is_classifier:
            return self.logits(outputs).softmax(1)
        return self.in_original_units(self.values(outputs))

    def values(self, outputs: Tensor) -> Tensor:
        """Outputs of a regression or forecast as one value each [N, answers]: of quantiles the one nearest to 0.5."""
        if not self.quantiles:
            return outputs
        nearest = min(range(len(self.quantiles)), key=lambda place: abs(self.quantiles[place] - 0.5))
        return self.by_quantile(outputs)[:, :, nearest]

    def by_quantile(self, outputs: Tensor) -> Tensor:
        """Outputs as quantiles [N, answers, levels], in rising order (Chernozhukov et al. 2010)."""
        return outputs.reshape(len(outputs), -1, len(self.quantiles)).sort(2).values

    def logits(self, outputs: Tensor) -> Tensor:
        """Outputs [N, classes] as those whose softmax are the probabilities."""
        return functional.logsigmoid(outputs) if self.one_vs_rest else outputs

    def in_original_units(self, values: Tensor) -> Tensor:
        """Standardised values back in the units of the target."""
        return values.double() * self.target_std.double() + self.target_mean.double()
