"""Addresses on the web, as settings and specs may write them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def web_address(text: str) -> str:
    """The text, if it is a plain http(s) address. Raises ValueError for credentials, queries and everything else."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[\s\\\x00-\x1f\x7f]", text):
        raise ValueError('an address is written "https://host" or "https://host:port/path"')
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("an address holds no user, password, query or fragment; secrets are the worker's environment")
    if parts.port == 0 or "%" in parts.netloc + parts.path or {".", ".."} & set(parts.path.split("/")):
        raise ValueError("an address holds a valid port and a plain path")
    return text
