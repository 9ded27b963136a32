"""Scoring a model on rows it does not learn from: large batches, no gradients, every row counted once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from worker.training.metrics import CLASSIFICATION, REGRESSION, Classified
from worker.training.networks import Model
from worker.training.rows import Rows, evaluation_size


def forward(model: Model, rows: Rows) -> Tensor:
    """Outputs of a batch, whether preprocessing is still ahead of it or not."""
    outputs: Tensor = model.network(rows.inputs) if rows.is_ready else model(rows.inputs)
    return outputs


def outputs_of(model: Model, rows: Rows, *, on_slice: Callable[[], None] = lambda: None) -> Tensor:
    """What the model answers to all rows, [N, num_outputs] in float32. Leaves the model in evaluation mode.

    `on_slice` is called behind every batch.
    """
    model.network.eval()
    pieces = []
    with torch.inference_mode():
        for piece in rows.slices(evaluation_size(rows)):
            pieces.append(forward(model, piece))
            on_slice()
        return (pieces[0] if len(pieces) == 1 else torch.cat(pieces)).float()


class Evaluation:
    """The scores that a job asks for."""

    def __init__(self, model: Model, loss: nn.Module, *, metrics: Sequence[str]) -> None:
        self._model = model
        self._loss = loss
        self._metrics = metrics

    def __call__(self, rows: Rows, *, on_slice: Callable[[], None] = lambda: None) -> dict[str, float]:
        """The loss and every metric by name; what has no meaning for these rows is NaN."""
        outputs = outputs_of(self._model, rows, on_slice=on_slice)
        with torch.inference_mode():
            return {"loss": float(self._loss(outputs, rows.targets)), **self.scores(outputs, rows.targets)}

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """The metrics of outputs [N, num_outputs], in the units of the target."""
        if self._model.is_classifier:
            scored = Classified(self._model.logits(outputs), targets)
            return {name: CLASSIFICATION[name](scored) for name in self._metrics}
        values, truth = self._model.in_original_units(outputs), self._model.in_original_units(targets)
        return {name: REGRESSION[name](values, truth) for name in self._metrics}


def per_class(outputs: Tensor, targets: Tensor, *, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of rows of each class."""
    scored = Classified(outputs, targets)
    columns = (scored.precision, scored.recall, scored.f1, scored.support.long())
    rows = zip(classes, *(column.tolist() for column in columns), strict=True)
    names = ("class", "precision", "recall", "f1", "rows")
    return [dict(zip(names, row, strict=True)) for row in rows]
