"""Digests of documents and bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson

_BLOCK_BYTES = 1 << 20


def fingerprint(document: Any) -> str:
    """The SHA-256, in hex, of a JSON document with sorted keys and no blanks: equal documents have equal ones."""
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def short_digest(content: bytes) -> str:
    """Twelve hex digits that tell contents apart where a whole digest would be too long."""
    return hashlib.sha256(content).hexdigest()[:12]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex, read in blocks. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
