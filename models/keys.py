"""API keys: `ty_<id>_<secret>`, shown once, kept as a hash. A key belongs to one project and carries scopes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from models.clock import now, rfc3339
from models.errors import NotFound, Unauthorized
from models.identifiers import created_at, new_id
from models.json_text import decode, encode
from models.pages import PageRequest
from models.tables import api_keys

ADMIN: Final = "admin"
#: Every scope there is; `admin` holds them all.
SCOPES: Final = (
    ADMIN,
    "jobs:read",
    "jobs:write",
    "datasets:read",
    "datasets:write",
    "metrics:read",
    "webhooks:read",
    "webhooks:write",
)
DEFAULT_PROJECT: Final = "default"

_ALPHABET: Final = string.digits + string.ascii_letters
_SECRET_LENGTH: Final = 43  # 62**43 > 2**256
_CHECKSUM_LENGTH: Final = 6
_LAST_USED_RESOLUTION_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Principal:
    """Who speaks: a key, its project and what it may do."""

    key_id: str
    project: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether the key holds the scope."""
        return scope in self.scopes or ADMIN in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key without its secret."""

    id: str
    project: str
    name: str
    scopes: Sequence[str]
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None

    def document(self) -> dict[str, Any]:
        """The key as the API shows it."""
        return {
            "id": self.id,
            "project": self.project,
            "name": self.name,
            "scopes": self.scopes,
            "created_at": rfc3339(self.created_at),
            "expires_at": rfc3339(self.expires_at),
            "revoked_at": rfc3339(self.revoked_at),
            "last_used_at": rfc3339(self.last_used_at),
        }


def create(
    connection: Connection,
    *,
    project: str,
    name: str,
    scopes: Sequence[str],
    expires_at: float | None = None,
) -> tuple[Key, str]:
    """Make a key. The second value is its text, which can be read now and never again."""
    identifier = new_id("key")
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    public = identifier.removeprefix("key_").replace("-", "")
    row = connection.execute(
        insert(api_keys)
        .values(
            id=identifier,
            project=project,
            name=name,
            scopes=encode(sorted(set(scopes))),
            secret_sha256=_hashed(secret),
            created_at=created_at(identifier),
            expires_at=expires_at,
        )
        .returning(*api_keys.c),
    ).one()
    return _key(row), f"ty_{public}_{secret}{_checksum(secret)}"


def authenticate(connection: Connection, token: str) -> Principal:
    """Who a key's text stands for. Raises `Unauthorized` for a malformed, unknown, wrong, expired or revoked one."""
    parts = token.split("_")
    if len(parts) != 3 or parts[0] != "ty":
        raise Unauthorized
    secret, checksum = parts[2][:-_CHECKSUM_LENGTH], parts[2][-_CHECKSUM_LENGTH:]
    if not hmac.compare_digest(checksum.encode(), _checksum(secret).encode()):
        raise Unauthorized
    row = connection.execute(_BY_ID, {"key_id": _identifier(parts[1])}).one_or_none()
    if row is None or not hmac.compare_digest(row.secret_sha256, _hashed(secret)) or not row.is_valid:
        raise Unauthorized
    return Principal(key_id=row.id, project=row.project, scopes=frozenset(decode(row.scopes)))


def listing(connection: Connection, *, project: str, page: PageRequest) -> list[Key]:
    """Up to `limit + 1` keys of a project, newest first; the last one only tells that there are more."""
    statement = select(api_keys).where(api_keys.c.project == project)
    if page.before is not None:
        statement = statement.where(api_keys.c.id < page.before)
    return [_key(row) for row in connection.execute(statement.order_by(api_keys.c.id.desc()).limit(page.limit + 1))]


def revoke(connection: Connection, *, project: str, key_id: str) -> Key:
    """Make a key worthless from now on; doing it again changes nothing. Raises `NotFound`."""
    mine = (api_keys.c.id == key_id) & (api_keys.c.project == project)
    connection.execute(update(api_keys).where(mine, api_keys.c.revoked_at.is_(None)).values(revoked_at=now()))
    row = connection.execute(select(api_keys).where(mine)).one_or_none()
    if row is None:
        raise NotFound(f"There is no key {key_id}.")
    return _key(row)


def touch(connection: Connection, *, key_id: str) -> None:
    """Note that a key has been used, to the minute."""
    stale = api_keys.c.last_used_at.is_(None) | (api_keys.c.last_used_at < now() - _LAST_USED_RESOLUTION_SECONDS)
    connection.execute(update(api_keys).where(api_keys.c.id == key_id, stale).values(last_used_at=now()))


def ensure_admin(connection: Connection) -> str | None:
    """The text of the first admin key, made now because there is no valid one; None where there is."""
    there = connection.execute(
        select(api_keys.c.id).where(api_keys.c.revoked_at.is_(None), api_keys.c.scopes.contains(f'"{ADMIN}"')).limit(1),
    ).first()
    if there is not None:
        return None
    _, text = create(connection, project=DEFAULT_PROJECT, name="first admin", scopes=[ADMIN])
    return text


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(secret: str) -> str:
    value, digits = zlib.crc32(secret.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        value, digit = divmod(value, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _identifier(public: str) -> str:
    return f"key_{public[:8]}-{public[8:12]}-{public[12:16]}-{public[16:20]}-{public[20:]}"


def _key(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        project=row.project,
        name=row.name,
        scopes=decode(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


_BY_ID = select(
    api_keys.c.id,
    api_keys.c.project,
    api_keys.c.scopes,
    api_keys.c.secret_sha256,
    (api_keys.c.revoked_at.is_(None) & (api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > now()))).label(
        "is_valid"
    ),
).where(api_keys.c.id == bindparam("key_id"))
