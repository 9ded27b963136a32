"""What every loss is: a mean over rows, each of which weighs as much as its class."""

from __future__ import annotations

from torch import Tensor, nn


class Loss(nn.Module):
    """Outputs [N, num_outputs] and targets to a scalar. `class_weights` [classes] is None where all rows weigh 1."""

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights)

    def weight_of(self, targets: Tensor) -> Tensor | float:
        """The sum of the weights of rows with these targets: what the mean over them divides by."""
        return float(len(targets)) if self.class_weights is None else self.class_weights[targets].sum()

    def mean(self, losses: Tensor, targets: Tensor) -> Tensor:
        """The mean of the losses of rows, [N], by the weights of their targets."""
        if self.class_weights is None:
            return losses.mean()
        weights = self.class_weights[targets]
        return (losses * weights).sum() / weights.sum()
