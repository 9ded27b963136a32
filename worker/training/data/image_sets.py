"""Images with one class each."""

from __future__ import annotations

import numpy as np
import torch

from models.errors import InvalidData
from models.formats.duplicates import Keys, first_of_each, pixel_keys, row_keys
from models.formats.sources import Images
from models.spec import JobSpec
from worker.training.data.encoding import ImageEncoding
from worker.training.data.fitting import fit_image
from worker.training.data.modules import plan
from worker.training.data.parts import Data, divided
from worker.training.data.pixels import all_fitted
from worker.training.data.repeats import note_repeats
from worker.training.data.report import Report
from worker.training.data.signature import Signature
from worker.training.data.splitting import TRAIN, Rows, split


def prepare_images(spec: JobSpec, source: Images, *, device: torch.device) -> Data:
    """Images for classification; raises InvalidData when there is one class only or a part stays empty."""
    report = Report(len(source))
    images = _distinct(source, report) if spec.cleaning.duplicates == "drop" else source
    if len(np.unique(images.labels)) < 2:
        raise InvalidData("all images are of one class; there is nothing to learn")
    keys = pixel_keys(images)
    together = keys if spec.cleaning.duplicates == "group_across_splits" else None
    rows = Rows(len(images), labels=images.labels, keys=together, official=images.split)
    parts, report.warnings = split(spec.data.split, rows, seed=spec.seed)
    note_repeats(report, keys, parts, labels=images.labels)
    report.count_parts(parts)
    report.count_classes(parts, images.labels, classes=images.classes)
    size, channels = _shape(spec, images)
    pixels = all_fitted(images.pixels, size=size, channels=channels)
    preprocessing = fit_image(pixels[parts == TRAIN], standardize=spec.preprocessing.image.standardize)
    encoding = ImageEncoding(*size, channels)
    raw = {"image": torch.from_numpy(pixels).permute(0, 3, 1, 2)}
    return Data(
        *divided(raw, torch.from_numpy(images.labels), parts, device=device),
        preprocessing.to(device),
        Signature(
            kind="image",
            task="classification",
            num_outputs=len(images.classes),
            image=(channels, *size),
            classes=tuple(images.classes),
        ),
        report.document(),
        {"encoding": encoding.document(), "preprocessing": plan(preprocessing)},
    )


def _shape(spec: JobSpec, images: Images) -> tuple[tuple[int, int], int]:
    """Height and width, and channels: those asked for, else those of the first image."""
    asked = spec.preprocessing.image
    height, width, channels = images.pixels[0].shape
    size = (height, width) if asked.size == "auto" else asked.size
    return size, channels if asked.channels == "auto" else asked.channels


def _distinct(images: Images, report: Report) -> Images:
    keys: Keys = row_keys(images)
    first = first_of_each(keys)
    report.drop_rows("duplicates", len(images) - len(first))
    pixels = images.pixels[first] if isinstance(images.pixels, np.ndarray) else [images.pixels[i] for i in first]
    split = None if images.split is None else images.split[first]
    return Images(pixels, images.labels[first], images.classes, split)
