"""Keys of artifacts, such as `datasets/<sha256>`: made by the service, never by clients, and checked all the same.

Each part is letters, digits, `.`, `_` or `-`, and none starts with a dot: no key leads out of its store.
"""

from __future__ import annotations

import re
from typing import Final

#: What makes the files beside it a checkpoint: it names them and their digests.
MANIFEST: Final = "manifest.json"
_PART: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
#: What may be deleted has also been made by trainers, who hide what is not finished.
_STORED_PART: Final = re.compile(r"(\.tmp-)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


def parts_of(key: str, *, may_be_hidden: bool = False) -> list[str]:
    """The parts of a key. Raises ValueError for what is not one."""
    part = _STORED_PART if may_be_hidden else _PART
    parts = key.split("/")
    if not all(part.fullmatch(word) for word in parts):
        raise ValueError(f"not an artifact key: {key!r}")
    return parts


def is_part(name: str) -> bool:
    """Whether a name may be one part of a key: a plain file name."""
    return _PART.fullmatch(name) is not None
