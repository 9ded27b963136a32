"""Predicting: a checkpoint folder becomes a predictor, which answers rows as clients send them.

Encoding, preprocessing and network are those that trained, and outputs are computed by the function that computes test
scores. Nothing but the folder is needed: `Predictor.load(folder).predict([{"age": 39}])`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import torch
from torch import Tensor

from models import spec
from models.errors import InvalidRow, InvalidSpec
from worker.training import golden_rows, networks
from worker.training.checkpoint import PREDICTING, Snapshot, load
from worker.training.data import Encoding, Signature, restore
from worker.training.data.cells import Row, Unusual
from worker.training.errors import CheckpointRefused
from worker.training.evaluation import outputs_of
from worker.training.networks import Model
from worker.training.rows import Rows

#: Rows are encoded and computed in pieces of about this many input values, so that memory stays bounded.
_PIECE_VALUES: Final = 4 << 20
_MAX_PIECE_ROWS: Final = 1024


@dataclass(slots=True)
class Predictions:
    """One prediction per row, and per field how many rows had no value, an unseen one, or a field nobody reads.

    A prediction is `{"label": …, "probabilities": {…}}`, `{"value": …}` or, for a forecast, `{"values": […]}`; a
    network of quantiles adds `{"quantiles": {"0.1": …}}`, of a value or of values each.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)

    def add(self, rows: Sequence[dict[str, Any]], unusual: Unusual) -> None:
        """Take in the predictions of further rows, and what was unusual about these."""
        self.rows += rows
        self.missing.update(unusual.missing)
        self.unseen.update(unusual.unseen)


class Predictor:
    """A network that answers, on the CPU, in evaluation mode."""

    def __init__(self, model: Model, encoding: Encoding, signature: Signature) -> None:
        self.signature = signature
        self.num_bytes = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
        self._model = model.eval()
        self._encoding = encoding

    @classmethod
    def load(cls, path: Path) -> Self:
        """The predictor in a checkpoint folder, whose optimizer state and best weights need not be there.

        Raises CheckpointRefused for damaged files, and GoldenRowsDiffer, its subclass, where the network that was
        built does not answer as the one that was saved.
        """
        snapshot = load(path, only=PREDICTING)
        try:
            model, encoding, signature = _rebuilt(snapshot)
        except (InvalidSpec, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointRefused(f"checkpoint {path.name} does not describe its network: {error}") from error
        predictor = cls(model, encoding, signature)
        golden_rows.check(model, snapshot.golden)
        return predictor

    def predict(
        self,
        rows: Sequence[Row],
        *,
        num_probabilities: int | None = None,
        on_piece: Callable[[], None] = lambda: None,
    ) -> Predictions:
        """One prediction per row, in their order; raises InvalidRow naming row and field.

        `num_probabilities` keeps only that many classes per row, the most probable ones. `on_piece` is called before
        every piece of rows; what it raises ends the prediction.
        """
        predictions = Predictions()
        for start, piece in self._pieces(rows):
            on_piece()
            tensors = self._encoded(piece, first=start)
            answers = self._answers(self.outputs(tensors), num_probabilities)
            predictions.add(answers, self._encoding.unusual(tensors))
        read = set(self._encoding.fields)
        predictions.ignored.update(name for row in rows for name in row if name not in read)
        return predictions

    def outputs(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """What the network says to encoded rows, [N, num_outputs]: logits or standardised values."""
        num_rows = len(next(iter(tensors.values())))
        return outputs_of(self._model, Rows(dict(tensors), torch.zeros(num_rows), is_ready=False))

    def _pieces(self, rows: Sequence[Row]) -> Iterator[tuple[int, Sequence[Row]]]:
        size = max(1, min(_MAX_PIECE_ROWS, _PIECE_VALUES // max(1, self.signature.num_values)))
        for start in range(0, len(rows), size):
            yield start, rows[start : start + size]

    def _encoded(self, rows: Sequence[Row], *, first: int) -> dict[str, Tensor]:
        try:
            return self._encoding.encode(rows)
        except InvalidRow as error:
            raise InvalidRow(error.message, row=first + error.row, field=error.field) from error

    def _answers(self, outputs: Tensor, num_probabilities: int | None) -> list[dict[str, Any]]:
        readable = self._model.readable(outputs)
        if self.signature.classes is not None:
            return _labels(readable, self.signature.classes, num_probabilities)
        found: list[dict[str, Any]]
        if self.signature.kind == "series":
            found = [{"values": values} for values in readable.tolist()]
        else:
            found = [{"value": value} for value in readable[:, 0].tolist()]
        if self.signature.quantiles:
            for prediction, row in zip(found, self._quantiles(outputs), strict=True):
                prediction["quantiles"] = row
        return found

    def _quantiles(self, outputs: Tensor) -> list[dict[str, Any]]:
        """Per row, the value of each quantile, or for a forecast its values, by the share that it stands for."""
        values = self._model.in_original_units(self._model.by_quantile(outputs)).transpose(1, 2)
        names = [str(level) for level in self.signature.quantiles]
        rows = (values if self.signature.kind == "series" else values[:, :, 0]).tolist()
        return [dict(zip(names, row, strict=True)) for row in rows]


def _rebuilt(snapshot: Snapshot) -> tuple[Model, Encoding, Signature]:
    signature = Signature.from_document(snapshot.state["signature"])
    encoding, preprocessing = restore(snapshot.state["data"])
    with torch.random.fork_rng(devices=()):  # initial weights are drawn, and thrown away
        network = networks.build(spec.parse(snapshot.state["spec"]).network, signature)
    model = Model(preprocessing, network, signature)
    model.load_state_dict(snapshot.weights)
    return model, encoding, signature


def _labels(probabilities: Tensor, classes: Sequence[str], num_kept: int | None) -> list[dict[str, Any]]:
    """The most probable class of each row, and the probabilities of the first `num_kept`, or of all as they stand."""
    best = probabilities.argmax(1).tolist()
    if num_kept is None or num_kept >= len(classes):
        named = [dict(zip(classes, row, strict=True)) for row in probabilities.tolist()]
    else:
        values, places = probabilities.topk(num_kept, dim=1)
        pairs = zip(places.tolist(), values.tolist(), strict=True)
        named = [{classes[p]: v for p, v in zip(where, row, strict=True)} for where, row in pairs]
    return [{"label": classes[place], "probabilities": row} for place, row in zip(best, named, strict=True)]
