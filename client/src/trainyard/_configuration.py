"""Where the service is and which key opens it, when the caller does not say."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import httpx2

from ._exceptions import ConfigurationError

DEFAULT_URL: Final = "http://127.0.0.1:8000"
URL_VARIABLE: Final = "TRAINYARD_URL"
KEY_VARIABLE: Final = "TRAINYARD_API_KEY"
DATA_DIR_VARIABLE: Final = "TRAINYARD_DATA_DIR"


def find_url(url: str | None) -> httpx2.URL:
    """The given address, else `TRAINYARD_URL`, else the default of a service on this machine.

    Raises ConfigurationError when it is no http or https address.
    """
    text = url or os.environ.get(URL_VARIABLE) or DEFAULT_URL
    try:
        parsed = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise ConfigurationError(f"{text!r} is not an address: {error}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError(f"{text!r} is not an address such as {DEFAULT_URL}")
    return parsed


def find_key(key: str | None, *, url: httpx2.URL) -> str | None:
    """The given key, else `TRAINYARD_API_KEY`, else the admin key of a service on this machine.

    The key file `$TRAINYARD_DATA_DIR/admin.key` (default `.trainyard/admin.key`, under the current folder) is read for
    loopback addresses only, so that the local admin key never travels to another machine.
    Raises ConfigurationError when the key holds characters that no header can carry.
    """
    found = key or os.environ.get(KEY_VARIABLE) or (_key_file() if is_loopback(url.host) else None)
    if found is None:
        return None
    if not found.strip().isascii() or not found.strip().isprintable():
        raise ConfigurationError("the key holds characters that a key never has; was it copied whole?")
    return found.strip() or None


def is_loopback(host: str) -> bool:
    """Whether the name stands for this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _key_file() -> str | None:
    try:
        return (Path(os.environ.get(DATA_DIR_VARIABLE) or ".trainyard") / "admin.key").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
