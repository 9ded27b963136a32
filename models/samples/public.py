"""Well-known datasets that are fetched from where their makers publish them, where the operator allows imports.

A dataset whose `url` is `public:mnist` is one of these. Several files become a tar of them, in their order. Sizes and
checksums are those that the sources name: an answer that differs is refused, whoever gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

SCHEME: Final = "public:"
TAR_BLOCK: Final = 512
_TAR_END: Final = 2 * TAR_BLOCK


@dataclass(frozen=True, slots=True)
class PublicFile:
    """One file: where it is, and what it must be. MD5 is what its makers name; it guards against damage."""

    url: str
    num_bytes: int
    md5: str

    @property
    def name(self) -> str:
        """The last piece of its address."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A dataset of one file or several: which format reads it, and who tells more of it."""

    name: str
    description: str
    format: str
    page: str
    files: tuple[PublicFile, ...]

    @property
    def num_bytes(self) -> int:
        """The size of its content: that of its one file, or of the tar of them."""
        if len(self.files) == 1:
            return self.files[0].num_bytes
        return _TAR_END + sum(TAR_BLOCK + padded(file.num_bytes) for file in self.files)


def padded(num_bytes: int) -> int:
    """What a file takes in a tar behind its header."""
    return -(-num_bytes // TAR_BLOCK) * TAR_BLOCK


def named(url: str | None) -> PublicSet | None:
    """The dataset that `public:mnist` and the like name, None for any other URL; raises KeyError for one not known."""
    if url is None or not url.startswith(SCHEME):
        return None
    return PUBLIC[url.removeprefix(SCHEME)]


def _files(folder: str, *files: tuple[str, int, str]) -> tuple[PublicFile, ...]:
    return tuple(PublicFile(f"{folder}/{name}", num_bytes, md5) for name, num_bytes, md5 in files)


PUBLIC: Mapping[str, PublicSet] = MappingProxyType(
    {
        each.name: each
        for each in (
            PublicSet(
                name="mnist",
                description="70,000 handwritten digits as grey images of 28 x 28 pixels (LeCun et al. 1998).",
                format="idx",
                page="http://yann.lecun.com/exdb/mnist/",
                files=_files(
                    "https://ossci-datasets.s3.amazonaws.com/mnist",
                    ("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                    ("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
                    ("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
                    ("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
                ),
            ),
            PublicSet(
                name="fashion_mnist",
                description="70,000 articles of clothing as grey images of 28 x 28 pixels (Xiao et al. 2017).",
                format="idx",
                page="https://github.com/zalandoresearch/fashion-mnist",
                files=_files(
                    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
                    ("train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                    ("train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
                    ("t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
                    ("t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
                ),
            ),
            PublicSet(
                name="cifar10",
                description="60,000 colour photographs of 32 x 32 pixels in ten classes (Krizhevsky 2009).",
                format="cifar",
                page="https://www.cs.toronto.edu/~kriz/cifar.html",
                files=_files(
                    "https://www.cs.toronto.edu/~kriz",
                    ("cifar-10-binary.tar.gz", 170_052_171, "c32a1d4ab5d03f1284b67883e8d87530"),
                ),
            ),
        )
    }
)
