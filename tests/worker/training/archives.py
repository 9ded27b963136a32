"""Small archives of images that the tests of streaming train on."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from models import formats
from models.formats.image_files import ImageFiles
from models.formats.summaries import profile
from models.spec import JobSpec, parse, resolve
from tests.worker.training.material import stripes
from worker.training import train
from worker.training.callbacks import Callback

NETWORK = {"type": "cnn", "channels": [4, 8], "hidden": [16], "norm": "batch", "dropout": 0.3}


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """An image file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, kind)
    return buffer.getvalue()


def striped_files(*, rows: int = 90, side: int = 24) -> dict[str, bytes]:
    """Names and contents: three classes that stripes tell apart, as JPEG."""
    images = stripes(rows=rows, side=side)
    names = [f"{images.classes[label]}/{row:04}.jpg" for row, label in enumerate(images.labels)]
    return {name: encoded(pixels, "JPEG") for name, pixels in zip(names, images.pixels, strict=True)}


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    """A tar of these files."""
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def opened(path: Path) -> ImageFiles:
    """The archive as a worker reads it."""
    source = formats.read(path, format="images", options={})
    assert isinstance(source, ImageFiles)
    return source


def job_on(source: ImageFiles, /, *, images: str = "auto", decoders: int = 2, **sections) -> JobSpec:
    """A resolved spec that keeps images on the device or in their files."""
    sections.setdefault("network", NETWORK)
    sections.setdefault("training", {"epochs": 3, "batch_size": 16})
    sections.setdefault("preprocessing", {"image": {"size": [8, 8]}})
    data = {"dataset": "ds_images", **({"shuffle": sections.pop("shuffle")} if "shuffle" in sections else {})}
    resources = {"images": images, "decoders": decoders}
    return resolve(parse({"data": data, "resources": resources, **sections}), profile(source))


def train_images(path: Path, directory: Path, /, *, callbacks: tuple[Callback, ...] = (), resume=None, **how):
    """Train on an archive; the result."""
    source = opened(path)
    spec = job_on(source, **how)
    return train(spec, source, directory=directory, device="cpu", callbacks=callbacks, resume=resume, num_threads=1)
