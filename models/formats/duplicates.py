"""Which rows are the same: one 64-bit key per row, equal for equal rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.formats.sources import Images, Table, Texts

Keys = npt.NDArray[np.uint64]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_CHUNK = 1024


def row_keys(source: Table | Images | Texts, *, columns: Iterable[str] | None = None) -> Keys:
    """A key for every row [N] over all columns or those named; for images and texts over content and label.

    Different rows share a key with a chance of about N^2 / 2^65.
    """
    if isinstance(source, Images):
        return labelled(pixel_keys(source), source.labels)
    if isinstance(source, Texts):
        return labelled(text_keys(source.texts), source.labels)
    names = source.columns.column_names if columns is None else list(columns)
    return table_keys(source, names)


def table_keys(source: Table, names: Iterable[str]) -> Keys:
    """A key for every row [N] over the named columns; missing values equal each other."""
    keys = np.zeros(len(source), np.uint64)
    for name in names:
        codes = source.columns[name].combine_chunks()
        if not pa.types.is_dictionary(codes.type):
            codes = pc.dictionary_encode(codes, null_encoding="encode")
        indices = codes.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore"):
            keys = _mixed(keys * _ODD + indices.astype(np.int64).view(np.uint64) + np.uint64(1))
    return keys


def text_keys(texts: Sequence[str]) -> Keys:
    """A key for every text [N]."""
    digests = (hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), np.uint64)


def labelled(keys: Keys, labels: npt.NDArray[np.int64]) -> Keys:
    """Keys [N] that differ also where the labels [N] do."""
    return keys ^ _mixed(labels.astype(np.uint64))


def pixel_keys(source: Images) -> Keys:
    """A key for every image [N] over size and pixels."""
    if isinstance(source.pixels, np.ndarray):
        return _block_keys(source.pixels)
    return np.concatenate([_block_keys(image[None]) for image in source.pixels])


def _block_keys(block: npt.NDArray[np.uint8]) -> Keys:
    """Keys of images of one shape [N, H, W, C]: the sum of their mixed words of 8 bytes, each mixed with its place."""
    num_bytes = int(np.prod(block.shape[1:]))
    places = np.arange(-(-num_bytes // 8), dtype=np.uint64) * _ODD
    keys = np.empty(len(block), np.uint64)
    for start in range(0, len(block), _CHUNK):
        chunk = block[start : start + _CHUNK].reshape(-1, num_bytes)
        padded = np.zeros((len(chunk), len(places) * 8), np.uint8)
        padded[:, :num_bytes] = chunk
        keys[start : start + _CHUNK] = _mixed(padded.view(np.uint64) ^ places).sum(axis=1, dtype=np.uint64)
    height, width, channels = block.shape[1:]
    return _mixed(keys ^ np.uint64((height << 40) + (width << 8) + channels))


def num_repeats(keys: Keys) -> int:
    """How many rows repeat an earlier one."""
    return len(keys) - len(np.unique(keys))


def first_of_each(keys: Keys) -> npt.NDArray[np.int64]:
    """The indices, ascending, of rows that do not repeat an earlier one."""
    return np.sort(np.unique(keys, return_index=True)[1])


def _mixed(keys: Keys) -> Keys:
    """Every bit of a key depends on every bit that went in (the finalizer of splitmix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return keys ^ (keys >> np.uint64(31))
