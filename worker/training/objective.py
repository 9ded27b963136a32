"""The loss of a batch of rows: over the heads of a network, over the two targets of mixed rows, over a whole batch.

A loss maps outputs [N, num_outputs] and targets to a mean over rows. What a batch adds to that is here: a network may
answer [N, k, num_outputs] while it trains, one row for each of its k heads, and the loss is the mean over them; mixed
rows have two targets, and the loss is that of both in their shares (Zhang et al. 2018).
"""

from __future__ import annotations

from torch import Tensor

from worker.training.losses import Loss
from worker.training.rows import Rows


def batch_loss(loss: Loss, outputs: Tensor, rows: Rows) -> Tensor:
    """The mean loss of these rows, a scalar."""
    own = _over_heads(loss, outputs, rows.targets)
    if rows.mixture is None:
        return own
    share = rows.mixture.share
    return share * own + (1 - share) * _over_heads(loss, outputs, rows.mixture.targets)


def portion_loss(loss: Loss, outputs: Tensor, portion: Rows, *, of: Rows) -> Tensor:
    """What a portion adds to the mean loss of the rows `of` which it is a part: the portions' losses sum to theirs."""
    own = _over_heads(loss, outputs, portion.targets) * _share(loss, portion.targets, of.targets)
    if portion.mixture is None or of.mixture is None:
        return own
    share, targets = portion.mixture.share, portion.mixture.targets
    other = _over_heads(loss, outputs, targets) * _share(loss, targets, of.mixture.targets)
    return share * own + (1 - share) * other


def num_right(outputs: Tensor, targets: Tensor) -> Tensor:
    """How many rows are given their own class, int64 on the device; heads vote by their mean probability."""
    scores = outputs.detach()
    if scores.ndim == 3:
        scores = scores.float().softmax(2).mean(1)
    return (scores.argmax(1) == targets).count_nonzero()


def _over_heads(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    if outputs.ndim == 3:
        outputs, targets = outputs.flatten(0, 1), targets.repeat_interleave(outputs.shape[1], dim=0)
    value: Tensor = loss(outputs, targets)
    return value


def _share(loss: Loss, part: Tensor, whole: Tensor) -> Tensor | float:
    """The weight of a part of the targets as a share of the weight of all."""
    return loss.weight_of(part) / loss.weight_of(whole)
