"""The inputs of a network as one matrix, for predictors that are linear in it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.training.data import Split
from worker.training.data.modules import SeriesPreprocessing
from worker.training.networks import Model
from worker.training.networks.inputs import Batch
from worker.training.rows import Rows, evaluation_size

#: A linear predictor on more columns than this would take longer than the network.
MAX_COLUMNS = 4096
#: And it learns little more from rows beyond these.
MAX_ROWS = 20_000


def readable(rows: Rows, split: Split) -> Rows:
    """The rows of a split as simple predictors read them: windows raw, everything else as the network does."""
    return Rows(split.inputs, rows.targets, is_ready=False) if "level" in rows.inputs else rows


def num_columns(rows: Rows, model: Model) -> int:
    """How many columns `matrix` would have."""
    return int(matrix(next(rows.slices(1)), model).shape[1])


def matrix(rows: Rows, model: Model) -> Tensor:
    """Numbers, pixels or windows flattened, categories one-hot, and a column of ones: float32 [N, columns].

    The codes of tokens are no numbers and are left out.
    """
    with torch.no_grad():
        return torch.cat([_flat(piece, model) for piece in rows.slices(evaluation_size(rows))])


def evenly_spaced(rows: Rows, *, most: int = MAX_ROWS) -> Rows:
    """At most so many of the rows, spread over all of them."""
    if len(rows) <= most:
        return rows
    places = torch.linspace(0, len(rows) - 1, most, dtype=torch.float64, device=rows.targets.device)
    return rows.take(places.long())


def _flat(rows: Rows, model: Model) -> Tensor:
    batch = rows.inputs if rows.is_ready else _absolute(rows, model)
    parts = [tensor.flatten(1) for name, tensor in sorted(batch.items()) if name not in ("categories", "tokens")]
    if "categories" in batch:
        sizes = [embedding.num_embeddings for embedding in _embeddings(model)]
        parts += [nn.functional.one_hot(batch["categories"][:, place], size) for place, size in enumerate(sizes)]
    parts.append(torch.ones(len(rows), 1, device=rows.targets.device))
    return torch.cat([part.float() for part in parts], dim=1)


def _absolute(rows: Rows, model: Model) -> Batch:
    """Preprocessed inputs. Windows are those that are relative to nothing, however the network is told of them."""
    if isinstance(model.preprocessing, SeriesPreprocessing):
        return {"series": model.preprocessing.ready(rows.inputs["series"])}
    ready: Batch = model.preprocessing(rows.inputs)
    return ready


def _embeddings(model: Model) -> list[nn.Embedding]:
    return [module for module in model.network.modules() if isinstance(module, nn.Embedding)]
