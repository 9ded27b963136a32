"""A spec as training needs it, from a spec as people write it."""

from __future__ import annotations

from models.formats.sources import Source
from models.formats.summaries import profile
from models.spec import JobSpec, resolve
from worker.training.data import Data


def resolved(spec: JobSpec, source: Source) -> JobSpec:
    """The spec itself if it is resolved; else resolved against the profile of the source. Raises InvalidSpec."""
    return spec if is_resolved(spec) else resolve(spec, profile(source))


def is_resolved(spec: JobSpec) -> bool:
    """Whether nothing is left open that the data decides."""
    choices = (
        spec.task,
        spec.data.split.type,
        spec.network.type,
        spec.augmentation,
        getattr(spec.network, "norm", None),
        spec.loss.type,
        spec.training.batch_size,
        spec.evaluation.metrics,
    )
    return "auto" not in choices and "*" not in spec.data.features


def settled(spec: JobSpec, data: Data) -> JobSpec:
    """The spec with what only the prepared rows could tell: how much of a text is read."""
    if data.signature.text is None:
        return spec
    length, _ = data.signature.text
    text = spec.preprocessing.text.model_copy(update={"max_length": length})
    return spec.model_copy(update={"preprocessing": spec.preprocessing.model_copy(update={"text": text})})
