"""Addresses of object stores: `s3://bucket/prefix?endpoint=https://…&region=…`.

Credentials come from the usual AWS variables (or the machine's role), or stand before the bucket as in any URL. What an
address says of itself, in logs and in errors, has none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from models.artifacts.keys import parts_of

_REGION: Final = "us-east-1"
_PARAMETERS: Final = frozenset({"endpoint", "region", "virtual_hosted"})
_BOOLEANS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object store is, and how it is spoken to."""

    bucket: str
    prefix: str | None
    endpoint: str | None
    region: str
    virtual_hosted: bool
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """The address without anything that must not be seen."""
        place = "/".join(filter(None, (self.bucket, self.prefix)))
        return f"s3://{place}" if self.endpoint is None else f"s3://{place} at {self.endpoint}"

    @property
    def is_plain_http(self) -> bool:
        """Whether nothing on the way is encrypted."""
        return self.endpoint is not None and self.endpoint.startswith("http://")


def parsed(url: str, environment: Mapping[str, str] = os.environ) -> Address:
    """The address in a URL. Raises ValueError, naming what is wrong without repeating the URL."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(given.keys() - _PARAMETERS):
        known = ", ".join(sorted(_PARAMETERS))
        raise ValueError(f"an object store's URL takes {known}, not {unknown[0]!r}")
    if not parts.hostname:
        raise ValueError("an object store's URL names a bucket: s3://bucket/prefix")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("credentials in an object store's URL are an access key and a secret: s3://KEY:SECRET@bucket")
    prefix = parts.path.strip("/")
    if prefix:
        parts_of(prefix)
    endpoint = given.get("endpoint") or environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    return Address(
        bucket=parts.hostname,
        prefix=prefix or None,
        endpoint=None if endpoint is None else _endpoint(endpoint),
        region=given.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or _REGION,
        virtual_hosted=_boolean(given.get("virtual_hosted", "false")),
        access_key=None if parts.username is None else unquote(parts.username),
        secret_key=None if parts.password is None else unquote(parts.password),
    )


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError("an object store's endpoint is http://host or https://host, without credentials")
    return text.rstrip("/")


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError(f"virtual_hosted is true or false, not {text[:20]!r}")
    return _BOOLEANS[text]
