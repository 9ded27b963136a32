"""What cleaning and preprocessing need of the task and the split, checked before a job is queued."""

from __future__ import annotations

from collections.abc import Iterator

from models.errors import FieldError
from models.spec.cleaning import LabelNoiseReport, NoNoise
from models.spec.data import TimeSplit
from models.spec.job import JobSpec
from models.spec.mistakes import invalid


def check_preparation(spec: JobSpec, *, kind: str) -> None:
    """Raises InvalidSpec for what would have no meaning in a job whose task and split are resolved."""
    if mistakes := list(_mistakes(spec, kind=kind)):
        raise invalid(mistakes, opening="The spec does not fit the data")


def _mistakes(spec: JobSpec, *, kind: str) -> Iterator[FieldError]:
    noise = spec.cleaning.noise
    if isinstance(noise, LabelNoiseReport):
        if kind != "table" or spec.task != "classification":
            yield FieldError("#/cleaning/noise/type", "label_noise_report needs a table with classes")
    elif not isinstance(noise, NoNoise) and kind != "series":
        yield FieldError("#/cleaning/noise/type", f"{noise.type} smooths series, and this is no forecast")
    if spec.cleaning.conflicting_labels != "report" and (
        kind not in ("table", "text", "mixed") or spec.task != "classification"
    ):
        detail = "needs classes of a table or of texts; only report fits here"
        yield FieldError("#/cleaning/conflicting_labels", detail)
    reads_kinds = kind == "series" and any(feature.type == "category" for feature in spec.data.features.values())
    if reads_kinds and spec.preprocessing.category.encoding == "ordinal":
        detail = "cannot be ordinal for a forecast, which gives every category a column, and so a vector of weights"
        yield FieldError("#/preprocessing/category/encoding", detail)
    number = spec.preprocessing.number
    ordered = kind == "series" or isinstance(spec.data.split, TimeSplit)
    if number.impute == "forward_fill" and not ordered and kind == "table":
        detail = "forward_fill needs rows in order of time: a forecast, or a split of type time"
        yield FieldError("#/preprocessing/number/impute", detail)
