"""Scoring a model on rows it does not learn from: large batches, no gradients, every row counted once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import torch
from torch import Tensor, nn

from worker.training import metrics as metric
from worker.training.metrics import Classified, Measured
from worker.training.networks import Model
from worker.training.rows import Rows, evaluation_size
from worker.training.surroundings import is_out_of_memory


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
    with torch.inference_mode(), closing(rows.slices(evaluation_size(rows))) as slices:
        for piece in slices:
            pieces.append(_that_fit(model, piece))
            on_slice()
        return (pieces[0] if len(pieces) == 1 else torch.cat(pieces)).float()


def _that_fit(model: Model, rows: Rows) -> Tensor:
    """Outputs of a batch, in halves where memory runs out: without gradients each row is by itself."""
    try:
        return forward(model, rows)
    except (RuntimeError, MemoryError) as error:
        if len(rows) == 1 or not is_out_of_memory(error):
            raise
    middle = len(rows) // 2
    return torch.cat([_that_fit(model, rows.between(0, middle)), _that_fit(model, rows.between(middle, len(rows)))])


class Evaluation:
    """The scores that a job asks for."""

    def __init__(self, model: Model, loss: nn.Module, *, metrics: Sequence[str]) -> None:
        self._model = model
        self._loss = loss
        self.metrics = tuple(metrics)

    def __call__(self, rows: Rows, *, on_slice: Callable[[], None] = lambda: None) -> dict[str, float]:
        """The loss and every metric by name; what has no meaning for these rows is NaN."""
        outputs = outputs_of(self._model, rows, on_slice=on_slice)
        with torch.inference_mode():
            return {"loss": float(self._loss(outputs, rows.targets)), **self.scores(outputs, rows.targets)}

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """The metrics of outputs [N, num_outputs], in the units of the target."""
        return metric.scores(self.judged(outputs, targets), self.metrics)

    def judged(self, outputs: Tensor, targets: Tensor) -> Classified | Measured:
        """Outputs of the network and targets as metrics read them."""
        answers = self._model.logits(outputs) if self._model.is_classifier else self._model.values(outputs)
        return self.judged_as(answers, targets)

    def judged_as(self, answers: Tensor, targets: Tensor) -> Classified | Measured:
        """Logits whose softmax are probabilities, or standardised values, and targets as metrics read them."""
        if self._model.is_classifier:
            return Classified(answers, targets)
        return Measured(self._model.in_original_units(answers), self._model.in_original_units(targets))


def per_class(scored: Classified, *, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of rows of each class; 0 where it has no meaning."""
    hits, false_alarms, _, misses, support = scored.counts.double().T
    columns = (
        hits / (hits + false_alarms).clamp(min=1),
        hits / support.clamp(min=1),
        2 * hits / (2 * hits + false_alarms + misses).clamp(min=1),
        support.long(),
    )
    rows = zip(classes, *(column.tolist() for column in columns), strict=True)
    names = ("class", "precision", "recall", "f1", "rows")
    return [dict(zip(names, row, strict=True)) for row in rows]
