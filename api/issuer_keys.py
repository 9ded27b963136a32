"""The public keys of an issuer of tokens: found by discovery, kept, and fetched again when one is not known.

Fetching is bounded: one attempt every few seconds, whatever tokens arrive. While the issuer does not answer the keys
that are known stay good for a day. Redirects are not followed, and nothing but https is spoken, or http to this very
machine.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx2

from models.errors import Unauthorized, Unavailable
from models.oidc_settings import is_safe_url

_logger = logging.getLogger("trainyard.oidc")
_TIMEOUT_SECONDS: Final = 3.0
_LONGEST_BYTES: Final = 1 << 18
#: Between two attempts, and after which keys are fetched anew although all are known.
_PAUSE_SECONDS: Final = 10.0
_FRESH_SECONDS: Final = 3600.0
_LONGEST_STALE_SECONDS: Final = 86400.0

Jwk = Mapping[str, Any]


class _Failed(Exception):
    """The issuer's keys could not be had."""


class IssuerKeys:
    """The keys of one issuer, by their `kid`."""

    def __init__(self, issuer: str, *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._issuer = issuer
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._keys: dict[str, Jwk] = {}
        self._fetched_at = -_LONGEST_STALE_SECONDS
        self._tried_at = -_LONGEST_STALE_SECONDS
        self._is_down = False

    def find(self, kid: str) -> Jwk:
        """The key of this name. Raises Unauthorized where the issuer has none, Unavailable where it cannot be asked."""
        key = self._keys.get(kid)
        if key is not None and self._age() < _FRESH_SECONDS:
            return key
        self._refresh()
        key = self._keys.get(kid)
        if key is not None and self._age() < _LONGEST_STALE_SECONDS:
            return key
        if self._is_down:
            raise Unavailable(
                "The issuer of this token does not answer.", code="issuer_unavailable", headers={"Retry-After": "10"}
            )
        raise Unauthorized

    def _age(self) -> float:
        return time.monotonic() - self._fetched_at

    def _refresh(self) -> None:
        """Fetch the keys, unless somebody has just tried."""
        if not self._lock.acquire(timeout=_TIMEOUT_SECONDS):
            return
        try:
            if time.monotonic() - self._tried_at < self._pause_seconds:
                return
            self._tried_at = time.monotonic()
            self._keys, self._is_down = self._fetch(), False
            self._fetched_at = time.monotonic()
        except _Failed as error:
            self._is_down = True
            _logger.warning("the keys of %s cannot be had: %s", self._issuer, error)
        finally:
            self._lock.release()

    def _fetch(self) -> dict[str, Jwk]:
        with httpx2.Client(trust_env=False, follow_redirects=False, timeout=_TIMEOUT_SECONDS) as client:
            described = _document(client, f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if described.get("issuer") != self._issuer:
                raise _Failed("it calls itself something else")
            address = described.get("jwks_uri")
            if not isinstance(address, str) or not is_safe_url(address):
                raise _Failed("its jwks_uri is no https URL")
            keys = _document(client, address).get("keys")
        if not isinstance(keys, list):
            raise _Failed("its key set holds no keys")
        return {str(key.get("kid", "")): key for key in keys if _verifies(key)}


def _verifies(key: Any) -> bool:
    """Whether this is a public key for signatures; a shared secret is none."""
    return isinstance(key, dict) and key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"


def _document(client: httpx2.Client, address: str) -> dict[str, Any]:
    """A JSON object from there. Raises _Failed for anything else, a redirect included."""
    try:
        with client.stream("GET", address, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != 200:
                raise _Failed(f"{address} answered {answer.status_code}")
            content = b""
            for block in answer.iter_bytes():
                content += block
                if len(content) > _LONGEST_BYTES:
                    raise _Failed(f"{address} answered more than {_LONGEST_BYTES} bytes")
        document = httpx2.Response(200, content=content).json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise _Failed(f"{address}: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise _Failed(f"{address} answered no JSON object")
    return document
