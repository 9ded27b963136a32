"""Forecasts relative to what each window brings along."""

from __future__ import annotations

from torch import Tensor, nn

from worker.training.networks.inputs import Batch


class Anchored(nn.Module):
    """A network whose outputs, `each` for every step ahead, are deviations from "level" [N, H] in units of "spread".

    Its head starts at 0, so that it begins as good as the level and every step of training is a step from there.
    """

    def __init__(self, network: nn.Module, *, num_outputs: int, each: int = 1) -> None:
        super().__init__()
        self.each = each
        self.network = network
        heads = [module for module in network.modules() if isinstance(module, nn.Linear)]
        if heads and heads[-1].out_features == num_outputs:
            nn.init.zeros_(heads[-1].weight)
            nn.init.zeros_(heads[-1].bias)

    def forward(self, batch: Batch) -> Tensor:
        """A batch to outputs [N, num_outputs], or [N, k, num_outputs] of an ensemble."""
        outputs: Tensor = self.network(batch)
        level, spread = batch["level"], batch["spread"]
        if self.each > 1:
            level, spread = level.repeat_interleave(self.each, dim=1), spread.repeat_interleave(self.each, dim=1)
        if outputs.dim() > level.dim():
            level, spread = level[:, None], spread[:, None]
        return level + spread * outputs
