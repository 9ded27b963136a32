"""Statistics of the training rows, put into the buffers of preprocessing modules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from models.spec.preprocessing import IqrOutliers
from models.spec.preprocessing import Number as NumberSpec
from worker.training.data.modules import Categories, ImagePreprocessing, Numbers
from worker.training.data.report import Report

Floats = npt.NDArray[np.float64]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_CHUNK = 1024


def fit_numbers(train: Floats, *, names: Sequence[str], spec: NumberSpec, report: Report) -> Numbers:
    """A module for columns [N, F] of training rows, each with at least one number. Notes what it filled and clipped.

    The order is fill, clip, scale: the scale is measured on what comes out of the first two.
    """
    missing = np.isnan(train)
    num_missing = missing.sum(axis=0)
    fill = np.array([_fill(column[~gone], spec) for column, gone in zip(train.T, missing.T, strict=True)])
    low, high = _fences(train, spec, names=names, report=report)
    values = np.clip(np.where(missing, fill, train), low, high)
    center, spread = _scale(values, spec)
    report.filled |= {name: int(num) for name, num in zip(names, num_missing, strict=True) if num}
    indicated = np.flatnonzero(num_missing) if spec.missing_indicator else ()
    module = Numbers(
        num_columns=len(names),
        indicated=[int(place) for place in indicated],
        clips=bool(np.isfinite(low).any()),
    )
    _load(module, fill=fill, center=center, scale=1 / np.where(spread > 0, spread, 1))
    if module.clips:
        _load(module, low=low, high=high)
    return module


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
    if spec.impute == "median":
        return float(np.median(present))
    if spec.impute == "mean":
        return float(present.mean())
    if spec.impute == "mode":
        values, counts = np.unique(present, return_counts=True)
        return float(values[counts.argmax()])
    return spec.fill_value


def _fences(train: Floats, spec: NumberSpec, *, names: Sequence[str], report: Report) -> tuple[Floats, Floats]:
    """Where each column is clipped, infinite where it is not (Tukey's fences)."""
    low, high = np.full(train.shape[1], -np.inf), np.full(train.shape[1], np.inf)
    if not isinstance(spec.outliers, IqrOutliers):
        return low, high
    for place, name in enumerate(names):
        column = train[:, place]
        first, third = np.nanquantile(column, (0.25, 0.75))
        fence = spec.outliers.k * (third - first)
        num = int(((column < first - fence) | (column > third + fence)).sum())
        if fence == 0 or not num:
            continue
        if num > spec.outliers.max_affected * len(column):
            report.warnings.append(f"column {name!r} is not clipped: {num} of {len(column)} rows would change")
            continue
        low[place], high[place] = first - fence, third + fence
        report.clipped[name] = num
    return low, high


def _scale(values: Floats, spec: NumberSpec) -> tuple[Floats, Floats]:
    """What is subtracted from each column and what it is divided by."""
    if spec.scale == "standard":
        return values.mean(axis=0), values.std(axis=0)
    if spec.scale == "minmax":
        lowest = values.min(axis=0)
        return lowest, values.max(axis=0) - lowest
    if spec.scale == "robust":
        first, median, third = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
        return median, third - first
    return np.zeros(values.shape[1]), np.ones(values.shape[1])


def _moments(counts: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean and deviation of each channel, in units of 0 to 1."""
    values = np.arange(256) / 255
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    return mean, np.sqrt(np.maximum(shares @ values**2 - mean**2, 0))


def _load(module: torch.nn.Module, **buffers: Floats) -> None:
    for name, values in buffers.items():
        module.get_buffer(name).copy_(torch.from_numpy(np.asarray(values)))
