"""The text of a key, `ty_<id>_<secret>`: 43 random characters and a checksum, so that a scanner knows one when it sees
it and a mistyped one is told from a wrong one without a look at the database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
import zlib
from typing import Final

#: How every key begins.
PREFIX: Final = "ty_"

_ALPHABET: Final = string.digits + string.ascii_letters
_SECRET_LENGTH: Final = 43  # 62**43 > 2**256
_CHECKSUM_LENGTH: Final = 6


def new_secret() -> str:
    """A fresh secret."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))


def written(identifier: str, secret: str) -> str:
    """The text of a key."""
    return f"{PREFIX}{identifier.removeprefix('key_').replace('-', '')}_{secret}{_checksum(secret)}"


def read(text: str) -> tuple[str, str] | None:
    """The identifier and the secret in a key's text; None for what cannot be one."""
    parts = text.split("_")
    if len(parts) != 3 or parts[0] != "ty":
        return None
    secret, checksum = parts[2][:-_CHECKSUM_LENGTH], parts[2][-_CHECKSUM_LENGTH:]
    if not hmac.compare_digest(checksum.encode(), _checksum(secret).encode()):
        return None
    public = parts[1]
    return f"key_{public[:8]}-{public[8:12]}-{public[12:16]}-{public[16:20]}-{public[20:]}", secret


def hashed(secret: str) -> str:
    """What is stored of a secret. It is long and random, so that a fast hash keeps it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_hash_of(stored: str | None, secret: str) -> bool:
    """Whether this is the secret that was stored, compared in constant time."""
    return stored is not None and hmac.compare_digest(stored, hashed(secret))


def _checksum(secret: str) -> str:
    value, digits = zlib.crc32(secret.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        value, digit = divmod(value, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
