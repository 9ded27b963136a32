"""Digests of documents and bytes, and the one canonical form of JSON that they are taken over."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

_BLOCK_BYTES = 1 << 20


def canonical_json(document: Any) -> str:
    """The document with sorted keys and no blanks; equal documents give equal text. Raises ValueError on NaN."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(document: Any) -> str:
    """The SHA-256 of a JSON document's canonical form, in hex."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


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
