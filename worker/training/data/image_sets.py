"""Images with one class each.

Images from an archive of files are known by their encoded bytes until they are decoded, straight to the size that the
network reads. Where all of them fit into a share of the free memory of the device they are decoded once and stay there;
otherwise the loop decodes them batch by batch. Both ways give the same bits to the same batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from models.errors import InvalidData
from models.formats.decoding import Pixels, Shape, brought_to
from models.formats.duplicates import Keys, first_of_each, labelled, pixel_keys
from models.formats.image_files import ImageFiles
from models.formats.image_profiles import evenly_spaced
from models.formats.sources import Images
from models.spec import JobSpec
from worker.training.data.encoding import ImageEncoding
from worker.training.data.fitting import fit_image, histogram
from worker.training.data.modules import ImagePreprocessing, plan
from worker.training.data.parts import Data, Split, divided
from worker.training.data.pictures import GATHERED, Pictures
from worker.training.data.repeats import note_repeats
from worker.training.data.report import Report
from worker.training.data.room import room_for_data
from worker.training.data.signature import Signature
from worker.training.data.splitting import TEST, TRAIN, VALIDATION, Parts, Rows, split
from worker.training.errors import OutOfMemory

#: Training images that mean and deviation are measured on, evenly spaced, where there are more.
NUM_MEASURED: Final = 10_000


def prepare_images(
    spec: JobSpec, source: Images | ImageFiles, *, device: torch.device, on_sign: Callable[[], None] = lambda: None
) -> Data:
    """Images for classification; raises InvalidData when there is one class only or a part stays empty.

    `on_sign` is called again and again while files are compared and decoded.
    """
    report = Report(len(source))
    keys = source.keys(on_sign=on_sign) if isinstance(source, ImageFiles) else pixel_keys(source)
    rows = _kept(spec, source, keys, report)
    labels, keys = source.labels[rows], keys[rows]
    parts = _parted(spec, source, rows, keys, report)
    shape = _shape(spec, source)
    if isinstance(source, ImageFiles):
        pictures = Pictures(source, rows, keys, shape, num_threads=_num_threads(spec))
        splits, preprocessing = _from_files(spec, pictures, labels, parts, report, device=device, on_sign=on_sign)
    else:
        pixels = _all_brought(source.pixels, rows, shape)
        counts = histogram([pixels[parts == TRAIN]], channels=shape.channels)
        preprocessing = fit_image(counts, standardize=spec.preprocessing.image.standardize)
        raw = {"image": torch.from_numpy(pixels).permute(0, 3, 1, 2)}
        splits = divided(raw, torch.from_numpy(labels), parts, device=device)
    encoding = ImageEncoding(shape.height, shape.width, shape.channels, shape.framing)
    return Data(
        *splits,
        preprocessing.to(device),
        _signature(source, shape),
        report.document(),
        {"encoding": encoding.document(), "preprocessing": plan(preprocessing)},
    )


def _kept(spec: JobSpec, source: Images | ImageFiles, keys: Keys, report: Report) -> npt.NDArray[np.int64]:
    """The rows that are used: all, or without those that repeat an earlier one of the same class."""
    rows = np.arange(len(source))
    if spec.cleaning.duplicates == "drop":
        rows = first_of_each(labelled(keys, source.labels))
        report.drop_rows("duplicates", len(source) - len(rows))
    if len(np.unique(source.labels[rows])) < 2:
        raise InvalidData("all images are of one class; there is nothing to learn")
    return rows


def _parted(
    spec: JobSpec, source: Images | ImageFiles, rows: npt.NDArray[np.int64], keys: Keys, report: Report
) -> Parts:
    labels = source.labels[rows]
    together = keys if spec.cleaning.duplicates == "group_across_splits" else None
    official = None if source.split is None else source.split[rows]
    parts, report.warnings = split(
        spec.data.split, Rows(len(rows), labels=labels, keys=together, official=official), seed=spec.seed
    )
    note_repeats(report, keys, parts, labels=labels)
    report.count_parts(parts)
    report.count_classes(parts, labels, classes=source.classes)
    return parts


def _shape(spec: JobSpec, source: Images | ImageFiles) -> Shape:
    """The size and colours asked for, else those of the first image."""
    asked = spec.preprocessing.image
    height, width, channels = 0, 0, 0
    if asked.size == "auto" or asked.channels == "auto":
        first = source.decode_whole(0) if isinstance(source, ImageFiles) else source.pixels[0]
        height, width, channels = first.shape
    if asked.size != "auto":
        height, width = asked.size
    return Shape(height, width, channels if asked.channels == "auto" else asked.channels, asked.framing)


def _all_brought(pixels: Pixels | list[Pixels], rows: npt.NDArray[np.int64], shape: Shape) -> Pixels:
    """The images of these rows as one array uint8 [N, H, W, C]; no copy where they are all and so already."""
    size = (shape.height, shape.width, shape.channels)
    if isinstance(pixels, np.ndarray) and pixels.shape[1:] == size:
        return pixels if len(rows) == len(pixels) else pixels[rows]
    result = np.empty((len(rows), *size), np.uint8)
    for place, row in enumerate(rows.tolist()):
        result[place] = brought_to(pixels[row], shape)
    return result


def _from_files(
    spec: JobSpec,
    pictures: Pictures,
    labels: npt.NDArray[np.int64],
    parts: Parts,
    report: Report,
    *,
    device: torch.device,
    on_sign: Callable[[], None],
) -> tuple[tuple[Split, Split, Split], ImagePreprocessing]:
    """The three parts, decoded or not, and what was measured on training images."""
    is_resident = _is_resident(spec, pictures, num_train=int((parts == TRAIN).sum()), device=device)
    standardize = spec.preprocessing.image.standardize
    measured = np.flatnonzero(parts == TRAIN)
    measured = measured[evenly_spaced(len(measured), most=NUM_MEASURED if standardize == "dataset" else 0)]
    preprocessing = fit_image(_measured(pictures.chosen(measured), on_sign), standardize=standardize)
    report.images = {
        "held": "device" if is_resident else "files",
        "decoded_bytes": pictures.num_bytes,
        "measured": len(measured),
    }

    offsets = pictures.source.offsets()[pictures.rows]

    def of(part: int) -> Split:
        rows = np.flatnonzero(parts == part)
        rows = rows[np.argsort(offsets[rows], kind="stable")]  # as they lie on disk, which reads best in order
        chosen = pictures.chosen(rows)
        inputs = {"image": chosen.gathered(device=device, on_sign=on_sign)} if is_resident else {}
        return Split(inputs, torch.from_numpy(labels[rows]).to(device), chosen)

    return (of(TRAIN), of(VALIDATION), of(TEST)), preprocessing


def _measured(pictures: Pictures, on_sign: Callable[[], None]) -> npt.NDArray[np.int64]:
    def chunks() -> Iterable[Pixels]:
        for piece in pictures.in_order(GATHERED, device=torch.device("cpu")):
            on_sign()
            yield piece.permute(0, 2, 3, 1).numpy()

    return histogram(chunks(), channels=pictures.shape.channels)


def _is_resident(spec: JobSpec, pictures: Pictures, *, num_train: int, device: torch.device) -> bool:
    """Whether all images are decoded once. Raises OutOfMemory where a batch of all of them is asked for in vain."""
    asked, room = spec.resources.images, room_for_data(device)
    fits = pictures.num_bytes <= room
    if not fits and spec.training.batch_size == "full" and asked != "device":
        size = f"{num_train * pictures.shape.num_bytes:,} bytes"
        raise OutOfMemory(f"A batch of all training images takes {size}, and {room:,} are free for data.")
    return fits if asked == "auto" else asked == "device"


def _num_threads(spec: JobSpec) -> int:
    asked = spec.resources.decoders
    return torch.get_num_threads() if asked == "auto" else asked


def _signature(source: Images | ImageFiles, shape: Shape) -> Signature:
    return Signature(
        kind="image",
        task="classification",
        num_outputs=len(source.classes),
        image=(shape.channels, shape.height, shape.width),
        classes=tuple(source.classes),
    )
