"""NumPy archives: `x` and `y` as images or as rows of numbers, or one array per column. Pickled arrays are refused."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.errors import InvalidData
from models.formats.archives import BROKEN, check_zip
from models.formats.columns import normalised
from models.formats.delimited import checked_names
from models.formats.image_files import ImageFiles
from models.formats.labels import coded
from models.formats.large_arrays import NO_ARRAY, images_in_place
from models.formats.options import Options
from models.formats.sources import PARTS, Images, Table

Arrays = Mapping[str, npt.NDArray[Any]]


def read_npz(path: Path, options: Options) -> Table | Images | ImageFiles:  # noqa: ARG001 - every reader takes options
    """The arrays of the file as a dataset; raises InvalidData naming the array.

    Whole numbers of 8 bits with three axes [N, H, W], or four with one or three channels last, are images; two axes are
    rows, with columns x0, x1, ... and y.
    """
    if (images := images_in_place(path)) is not None:
        return images
    arrays = _load(path)
    if set(arrays) == {"x", "y"}:
        return _labelled(arrays["x"], arrays["y"], split=None)
    parts = [part for part in PARTS if f"x_{part}" in arrays]
    if parts and set(arrays) == {f"{letter}_{part}" for letter in "xy" for part in parts}:
        return _joined(arrays, parts)
    return _columns(arrays)


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            check_zip(archive, packed_bytes=path.stat().st_size)
        with np.load(path, allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except (*BROKEN, *NO_ARRAY, KeyError, MemoryError) as error:
        raise InvalidData(f"it is no npz file of plain arrays, or a damaged one ({error})") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise InvalidData("it is no array of NumPy", place=f"array {name!r}")
        if not array.size or not array.ndim:
            raise InvalidData("it is empty", place=f"array {name!r}")
    if not arrays:
        raise InvalidData("there are no arrays")
    return arrays


def _joined(arrays: Arrays, parts: list[str]) -> Table | Images:
    """The official parts as one dataset that remembers which row belongs where."""
    x, y = [arrays[f"x_{part}"] for part in parts], [_flat(arrays[f"y_{part}"]) for part in parts]
    shapes = {(part.shape[1:], part.dtype) for part in x}
    if len(shapes) > 1:
        raise InvalidData("the parts differ in shape or type", place=f"array 'x_{parts[-1]}'")
    for part, rows, labels in zip(parts, x, y, strict=True):
        if len(rows) != len(labels):
            raise InvalidData(f"it has {len(labels)} entries for {len(rows)} rows", place=f"array 'y_{part}'")
    split = np.repeat(np.array([PARTS.index(part) for part in parts], np.int8), [len(rows) for rows in x])
    return _labelled(np.concatenate(x), np.concatenate(y), split=split)


def _flat(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Answers of shape [N, 1], as some write them, as [N]."""
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _labelled(x: npt.NDArray[Any], y: npt.NDArray[Any], *, split: npt.NDArray[np.int8] | None) -> Table | Images:
    y = _flat(y)
    if y.ndim != 1 or len(y) != len(x):
        raise InvalidData(f"it has the shape {list(y.shape)} for {len(x)} rows", place="array 'y'")
    if x.ndim == 2:
        columns = {f"x{number}": x[:, number] for number in range(x.shape[1])}
        return _columns({**columns, "y": y}, split=split)
    if x.dtype != np.uint8 or x.ndim not in {3, 4} or (x.ndim == 4 and x.shape[3] not in {1, 3}):
        message = "images are uint8 [N, H, W], [N, H, W, 1] or [N, H, W, 3]"
        raise InvalidData(f"it has the shape {list(x.shape)} of {x.dtype}; {message}", place="array 'x'")
    labels, classes = coded(y, place="array 'y'")
    return Images(x.reshape(*x.shape[:3], -1), labels, classes, split)


def _columns(arrays: Arrays, *, split: npt.NDArray[np.int8] | None = None) -> Table:
    names = checked_names(list(arrays))
    rows = len(next(iter(arrays.values())))
    for name, array in arrays.items():
        if array.ndim != 1 or len(array) != rows:
            message = f"it has the shape {list(array.shape)}; images are named x and y, columns have {rows} values each"
            raise InvalidData(message, place=f"array {name!r}")
        if array.dtype.kind not in "biufUM":
            raise InvalidData(f"values of type {array.dtype} are not read", place=f"array {name!r}")
    columns = [normalised(pa.chunked_array([pa.array(_native(arrays[name]))]), name=name, missing=()) for name in names]
    return Table(pa.table(columns, names=list(names)), split)


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in the byte order of this machine, and in double precision where it is in a longer one."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
