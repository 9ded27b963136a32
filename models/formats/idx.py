"""IDX, the format of MNIST: a zip or tar that holds image files and their label files, plain or gzip.

A pair is `<part>-images-idx3-ubyte[.gz]` and `<part>-labels-idx1-ubyte[.gz]`. Parts named train, validation and t10k or
test become the official split.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats.archives import entries, unpack
from models.formats.idx_files import NAME, array_of, parts_of
from models.formats.image_files import ImageFiles
from models.formats.labels import coded
from models.formats.large_idx import images_in_place
from models.formats.options import Options
from models.formats.sources import Images


def read_idx(path: Path, options: Options) -> Images | ImageFiles:  # noqa: ARG001 - every reader takes options
    """The images and labels of the archive; raises InvalidData naming the file."""
    if (images := images_in_place(path)) is not None:
        return images
    pairs = _pairs(path)
    for part, pair in pairs.items():
        if set(pair) != {"images", "labels"}:
            raise InvalidData(f"the archive holds only the {next(iter(pair))}", place=f"part {part!r}")
        if len(pair["images"]) != len(pair["labels"]):
            message = f"there are {len(pair['images'])} images and {len(pair['labels'])} labels"
            raise InvalidData(message, place=f"part {part!r}")
    if not pairs:
        raise InvalidData("the archive holds no files named like train-images-idx3-ubyte and train-labels-idx1-ubyte")
    pixels = [pair["images"] for pair in pairs.values()]
    if len({part.shape[1:] for part in pixels}) > 1:
        raise InvalidData("the images of its parts differ in size", place="the archive")
    labels, classes = coded(np.concatenate([pair["labels"] for pair in pairs.values()]), place="the label files")
    split = parts_of({part: len(pair["labels"]) for part, pair in pairs.items()})
    return Images(np.concatenate(pixels)[..., None], labels, classes, split)


def _pairs(path: Path) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Arrays by part and kind."""
    pairs: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for name, content in entries(path):
        match = NAME.match(name.rpartition("/")[2])
        if match is None:
            continue
        array = array_of(unpack(content, place=name), place=name, axes=3 if match["kind"] == "images" else 1)
        if match["kind"] in pairs.setdefault(match["part"], {}):
            raise InvalidData("the archive holds these images or labels twice", place=name)
        pairs[match["part"]][match["kind"]] = array
    return dict(sorted(pairs.items()))
