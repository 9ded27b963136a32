"""What an archive holds, by the names of its first files: images, texts, or the IDX files of MNIST."""

from __future__ import annotations

import itertools
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ._exceptions import ConfigurationError

_NUM_NAMES: Final = 1000
_IMAGES: Final = re.compile(r".*\.(png|jpe?g|bmp|gif|webp|tiff?|ppm|pgm)$", re.IGNORECASE)
_IDX: Final = re.compile(r".*idx[13][-_.]ubyte(\.gz)?$")
_BROKEN: Final = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, ValueError)


def archive_format(path: Path) -> str:
    """`images`, `idx` or `texts`. Raises ConfigurationError for what is no zip or tar, or an empty one."""
    try:
        names = list(itertools.islice(_names(path), _NUM_NAMES))
    except _BROKEN as error:
        raise ConfigurationError(f"{path} cannot be opened as an archive: {error}") from error
    if not names:
        raise ConfigurationError(f"{path} holds no files")
    if any(_IDX.match(name) for name in names):
        return "idx"
    return "images" if any(_IMAGES.match(name) for name in names) else "texts"


def _names(path: Path) -> Iterator[str]:
    """The files in an archive; of a tar only as much is read as is asked for."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (info.filename for info in archive.infolist() if not info.is_dir())
        return
    with tarfile.open(path, mode="r|*") as archive:
        yield from (member.name for member in archive if member.isfile())
