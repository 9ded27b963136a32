"""From a source and a spec to tensors on the device: cleaned, split, and preprocessed by what the training rows say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from models.errors import InvalidData
from models.formats.image_files import ImageFiles
from models.formats.sources import Images, Source, Texts
from models.spec import JobSpec
from worker.training.data import modules
from worker.training.data.encoding import Encoding, restored
from worker.training.data.image_sets import prepare_images
from worker.training.data.parts import Data, Split
from worker.training.data.signature import Signature
from worker.training.data.tables import prepare_table
from worker.training.data.text_sets import prepare_texts
from worker.training.data.windows import prepare_series

__all__ = ["Data", "Encoding", "Signature", "Split", "prepare", "restore"]


def prepare(spec: JobSpec, source: Source, *, device: torch.device, on_sign: Callable[[], None] = lambda: None) -> Data:
    """The data of a resolved spec, ready to train on; raises InvalidData naming what is wrong and where.

    `on_sign` is called again and again where it takes long.
    """
    if not len(source):
        raise InvalidData("there are no rows")
    if isinstance(source, Images | ImageFiles):
        return prepare_images(spec, source, device=device, on_sign=on_sign)
    if isinstance(source, Texts):
        return prepare_texts(spec, source, device=device, on_sign=on_sign)
    if spec.task == "forecasting":
        return prepare_series(spec, source, device=device)
    return prepare_table(spec, source, device=device)


def restore(recipe: Mapping[str, Any]) -> tuple[Encoding, nn.Module]:
    """The encoding of new rows, and the preprocessing module whose buffers come with the weights."""
    return restored(recipe["encoding"]), modules.built(recipe["preprocessing"])
