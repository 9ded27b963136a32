"""A spec as training needs it, from a spec as people write it."""

from __future__ import annotations

from models.formats.sources import Source
from models.formats.summaries import profile
from models.spec import JobSpec, resolve


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
