"""Statistics of the training rows, put into the buffers of preprocessing modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from models.spec.preprocessing import NoOutliers
from models.spec.preprocessing import Number as NumberSpec
from worker.training.data.fences import fences, outside
from worker.training.data.modules import Categories, ImagePreprocessing
from worker.training.data.numbers import Curves, Numbers
from worker.training.data.report import Report
from worker.training.data.scales import SCALES, SMALLEST_SPREAD, curves

Floats = npt.NDArray[np.float64]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MAX_REFERENCE_ROWS = 2048
#: A column whose deviation is fewer steps of single precision than this has lost most of what it says.
FEWEST_STEPS = 16
_CHUNK = 1024


def fit_numbers(
    train: Floats, *, names: Sequence[str], spec: NumberSpec, report: Report, num_fenced: int | None = None
) -> Numbers:
    """A module for columns [N, F] of training rows, each with at least one number. Notes what it filled and changed.

    The order is outliers, gaps, scale: each is measured on what comes out of those before it. Outliers are looked for
    in the first `num_fenced` columns, all where it is None.
    """
    action = "none" if isinstance(spec.outliers, NoOutliers) else spec.outliers.action
    if action == "drop_row":  # those rows are gone by now, and no other row changes
        action = "none"
    low, high = fences(
        train, spec.outliers if action != "none" else NoOutliers(), names=names[:num_fenced], report=report
    )
    treated = np.isfinite(low)
    if action == "null":
        train = np.where(outside(train, low, high), np.nan, train)
    missing = np.isnan(train)
    num_missing = missing.sum(axis=0)
    report.filled |= {name: int(num) for name, num in zip(names, num_missing, strict=True) if num}
    report.warnings += _too_fine(train, names)
    fill = np.array([_fill(column[~gone], spec) for column, gone in zip(train.T, missing.T, strict=True)])
    reference = _reference(train) if spec.impute == "knn" else None
    module = Numbers(
        num_columns=len(names),
        indicated=np.flatnonzero(num_missing).tolist() if spec.missing_indicator else [],
        outliers=action if treated.any() else "none",
        flagged=np.flatnonzero(treated).tolist() if action == "flag" else [],
        neighbours=None if reference is None else {"num_rows": len(reference["rows"]), "count": spec.neighbours},
        logarithmic=spec.scale == "log1p",
    )
    _load(module, fill=fill)
    if module.outliers != "none":
        _load(module, low=low, high=high)
    if module.neighbours is not None and reference is not None:
        _load(module.neighbours, **reference)
        train = module.neighbours.double()(torch.from_numpy(train)).numpy()
        module.neighbours.float()
    values = np.where(np.isnan(train), fill, train)
    return _scaled(module, np.clip(values, low, high) if action == "clip" else values, spec)


def _scaled(module: Numbers, values: Floats, spec: NumberSpec) -> Numbers:
    """The module with the scale of the training rows as they come out of it so far."""
    center, spread = SCALES[spec.scale](values)
    _load(module, center=center, scale=1 / np.where(spread > SMALLEST_SPREAD, spread, 1))
    if spec.scale == "quantile":
        inputs, outputs = curves(values)
        module.num_points = inputs.shape[1]
        module.curves = Curves(num_columns=module.num_columns, num_points=module.num_points)
        _load(module.curves, inputs=inputs, outputs=outputs)
    return module


def _too_fine(train: Floats, names: Sequence[str]) -> Iterator[str]:
    """Remarks on columns [N, F] whose values lie so close together that single precision hardly tells them apart."""
    largest = np.nanmax(np.abs(train), axis=0)
    deviations = np.nanstd(train, axis=0)
    steps = np.spacing(largest.astype(np.float32)).astype(np.float64)
    for name, deviation, step in zip(names, deviations.tolist(), steps.tolist(), strict=True):
        if 0 < deviation < max(FEWEST_STEPS * step, SMALLEST_SPREAD):
            yield (
                f"the values of column {name!r} lie so close together that single precision hardly tells them apart;"
                " subtract what they have in common, and multiply what is left"
            )


def _reference(train: Floats) -> dict[str, Floats]:
    """What gaps are filled by: training rows spread over all of them, standardised, with 0 where they have a gap."""
    center, spread = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    spread = np.where(spread > 0, spread, 1)
    chosen = train[np.linspace(0, len(train) - 1, min(len(train), MAX_REFERENCE_ROWS)).astype(np.int64)]
    known = ~np.isnan(chosen)
    rows = np.where(known, (chosen - center) / spread, 0)
    return {"rows": rows, "known": known.astype(np.float64), "center": center, "spread": spread}


def fit_categories(train: npt.NDArray[np.int64], *, cardinalities: Sequence[int], encoding: str) -> Categories | None:
    """A module for codes [N, K] of training rows; None for embeddings, which are part of the network."""
    if encoding == "embedding":
        return None
    module = Categories(cardinalities=cardinalities, encoding=encoding)
    if encoding == "ordinal":
        spread = train.std(axis=0)
        _load(module, center=train.mean(axis=0), scale=1 / np.where(spread > 0, spread, 1))
    return module


def fit_image(counts: npt.NDArray[np.int64], *, standardize: str) -> ImagePreprocessing:
    """A module for images, from the `histogram` [C, 256] of training images; only `dataset` looks at it."""
    channels = len(counts)
    mean, std = np.zeros(channels), np.ones(channels)
    if standardize == "imagenet":
        mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    elif standardize == "dataset":
        mean, std = _moments(counts)
    module = ImagePreprocessing(channels=channels)
    scale = 1 / np.where(std > 0, std, 1)
    _load(module, scale=(scale / 255).reshape(-1, 1, 1), shift=(-mean * scale).reshape(-1, 1, 1))
    return module


def histogram(chunks: Iterable[npt.NDArray[np.uint8]], *, channels: int) -> npt.NDArray[np.int64]:
    """How often each of the 256 values occurs in each channel of images [N, H, W, C], int64 [C, 256].

    Counts are exact, so that mean and deviation do not depend on how the images are cut into chunks.
    """
    counts = np.zeros((channels, 256), np.int64)
    for chunk in chunks:
        for start in range(0, len(chunk), _CHUNK):
            values = chunk[start : start + _CHUNK]
            for channel in range(channels):
                counts[channel] += np.bincount(values[..., channel].reshape(-1), minlength=256)
    return counts


def _fill(present: Floats, spec: NumberSpec) -> float:
    """What stands in for a gap where nothing else does: the median unless another figure is asked for."""
    if spec.impute == "forward_fill":
        return float(present[-1])
    if spec.impute == "mean":
        return float(present.mean())
    if spec.impute == "mode":
        values, counts = np.unique(present, return_counts=True)
        return float(values[counts.argmax()])
    return spec.fill_value if spec.impute == "constant" else float(np.median(present))


def _moments(counts: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean and deviation of each channel, in units of 0 to 1."""
    values = np.arange(256) / 255
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    return mean, np.sqrt(np.maximum(shares @ values**2 - mean**2, 0))


def _load(module: torch.nn.Module, **buffers: Floats) -> None:
    for name, values in buffers.items():
        module.get_buffer(name).copy_(torch.from_numpy(np.asarray(values)))
