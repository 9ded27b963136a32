"""Secrets inside kept answers: sealed under what only the caller has, so that the database alone opens none.

A key's text is in the answer that made it and, by `Idempotency-Key`, in the repetitions of that answer for a day. The
stored answer carries it encrypted under the caller's own bearer token, of which the service keeps only a hash.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


def seal(secret: str, *, under: str) -> str:
    """The secret, readable with the same token alone."""
    return _box(under).encrypt(secret.encode()).decode()


def unseal(sealed: str, *, under: str) -> str | None:
    """The secret again; None where another token sealed it."""
    from cryptography.fernet import InvalidToken

    try:
        return _box(under).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _box(token: str) -> Fernet:
    """The token is long and random: one keyed hash apart from what is stored of it makes a key."""
    from cryptography.fernet import Fernet  # only who makes keys waits for the library to load

    return Fernet(base64.urlsafe_b64encode(hmac.digest(token.encode(), b"trainyard idempotent answer", hashlib.sha256)))
