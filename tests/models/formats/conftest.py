"""What the tests of formats share: reading by name, archives made in memory."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models import formats
from models.formats.sources import Images, Table, Texts


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Any]:
    """Writes content to a file and reads it in a format; keyword arguments are the format's options."""

    def reading(content: bytes | str, format: str = "csv", **options: Any) -> Table | Images | Texts:  # noqa: A002
        path = tmp_path / "content"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return formats.read(path, format=format, options=options)

    return reading


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes], *, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def png(values: Any, *, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(values, np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(name="zipped")
def zipped_fixture() -> Callable[..., bytes]:
    return zipped


@pytest.fixture(name="tarred")
def tarred_fixture() -> Callable[..., bytes]:
    return tarred


@pytest.fixture(name="png")
def png_fixture() -> Callable[..., bytes]:
    return png
