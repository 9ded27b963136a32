"""API keys: shown once, kept as a hash. A key belongs to one project and carries scopes.

A key has one secret, and for a while after a rotation the one before as well. What is said here holds for the very next
look: whoever keeps answers of `authenticate` must drop a key's at `revoke`, `rotate` and the closing of its project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from models import audit, key_text, projects
from models.clock import now, rfc3339
from models.errors import Conflict, NotFound, Unauthorized
from models.identifiers import created_at, new_id
from models.json_text import decode, encode
from models.pages import PageRequest
from models.prepared import Prepared, Reader
from models.principal import ADMIN, OPERATOR, Principal
from models.projects import DEFAULT_PROJECT
from models.tables import api_keys
from models.tables import projects as projects_table

LONGEST_GRACE_SECONDS: Final = 30 * 86400
_LAST_USED_RESOLUTION_SECONDS: Final = 60.0


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
    rotated_at: float | None
    previous_until: float | None

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
            "rotated_at": rfc3339(self.rotated_at),
            "previous_until": rfc3339(self.previous_until),
        }


def create(
    connection: Connection,
    *,
    project: str,
    name: str,
    scopes: Sequence[str],
    expires_at: float | None = None,
) -> tuple[Key, str]:
    """Make a key, and its project where there is none yet. The second value is its text, which can be read now and
    never again. Raises Conflict where the project is closed.
    """
    projects.ensure(connection, name=project)
    if not projects.is_open(connection, name=project):
        raise Conflict(f"The project {project} is closed.", code="project_closed")
    identifier, secret = new_id("key"), key_text.new_secret()
    row = connection.execute(
        insert(api_keys)
        .values(
            id=identifier,
            project=project,
            name=name,
            scopes=encode(sorted(set(scopes))),
            secret_sha256=key_text.hashed(secret),
            created_at=created_at(identifier),
            expires_at=expires_at,
        )
        .returning(*api_keys.c),
    ).one()
    return _key(row), key_text.written(identifier, secret)


def authenticate(connection: Reader, token: str) -> Principal:
    """Who a key's text stands for. Raises `Unauthorized` for a malformed, unknown, wrong, expired or revoked one, and
    for one of a closed project.
    """
    parts = key_text.read(token)
    if parts is None:
        raise Unauthorized
    identifier, secret = parts
    row = _BY_ID.first(connection, {"key_id": identifier})
    if row is None or not row.is_valid:
        raise Unauthorized
    is_newest = key_text.is_hash_of(row.secret_sha256, secret)
    if not is_newest and not (row.previous_is_live and key_text.is_hash_of(row.previous_sha256, secret)):
        raise Unauthorized
    scopes = frozenset(decode(row.scopes))
    return Principal(key_id=row.id, project=row.project, scopes=scopes, expires_at=row.expires_at)


def get(connection: Connection, *, project: str | None, key_id: str) -> Key:
    """A key of the project, or of any. Raises `NotFound`."""
    statement = select(api_keys).where(api_keys.c.id == key_id)
    row = connection.execute(statement if project is None else statement.where(api_keys.c.project == project))
    found = row.one_or_none()
    if found is None:
        raise NotFound(f"There is no key {key_id}.")
    return _key(found)


def listing(connection: Connection, *, project: str, page: PageRequest) -> list[Key]:
    """Up to `limit + 1` keys of a project, newest first; the last one only tells that there are more."""
    statement = select(api_keys).where(api_keys.c.project == project)
    if page.before is not None:
        statement = statement.where(api_keys.c.id < page.before)
    return [_key(row) for row in connection.execute(statement.order_by(api_keys.c.id.desc()).limit(page.limit + 1))]


def rotate(connection: Connection, *, key_id: str, grace_seconds: float) -> tuple[Key, str]:
    """Give a key another secret; the one it had is good for `grace_seconds` more, and any before that for no more.

    The second value is the new text, which can be read now and never again. Raises `Conflict` for a key that is revoked
    or expired.
    """
    secret = key_text.new_secret()
    is_alive = api_keys.c.revoked_at.is_(None) & (api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > now()))
    row = connection.execute(
        update(api_keys)
        .where(api_keys.c.id == key_id, is_alive)
        .values(
            previous_sha256=api_keys.c.secret_sha256,
            previous_until=now() + grace_seconds,
            secret_sha256=key_text.hashed(secret),
            rotated_at=now(),
        )
        .returning(*api_keys.c),
    ).one_or_none()
    if row is None:
        raise Conflict(f"Key {key_id} is revoked or expired; make a new one.", code="key_not_alive")
    return _key(row), key_text.written(row.id, secret)


def revoke(connection: Connection, *, project: str | None, key_id: str) -> Key:
    """Make a key worthless from now on, with every secret it has; doing it again changes nothing. Raises `NotFound`."""
    get(connection, project=project, key_id=key_id)
    alive = (api_keys.c.id == key_id) & api_keys.c.revoked_at.is_(None)
    connection.execute(update(api_keys).where(alive).values(revoked_at=now()))
    return get(connection, project=project, key_id=key_id)


def touch(connection: Connection, *, key_id: str) -> None:
    """Note that a key has been used, to the minute."""
    stale = api_keys.c.last_used_at.is_(None) | (api_keys.c.last_used_at < now() - _LAST_USED_RESOLUTION_SECONDS)
    connection.execute(update(api_keys).where(api_keys.c.id == key_id, stale).values(last_used_at=now()))


def ensure_admin(connection: Connection) -> str | None:
    """The text of the first key, made now because no valid one runs the service; None where there is one."""
    there = connection.execute(
        select(api_keys.c.id)
        .where(api_keys.c.revoked_at.is_(None), api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > now()))
        .where(api_keys.c.scopes.contains(f'"{OPERATOR}"'))
        .limit(1),
    ).first()
    if there is not None:
        return None
    key, text = create(connection, project=DEFAULT_PROJECT, name="first admin", scopes=[ADMIN, OPERATOR])
    audit.write(
        connection,
        audit.Entry(project=key.project, actor=audit.SERVICE, operation="create_key", resource=key.id),
    )
    return text


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
        rotated_at=row.rotated_at,
        previous_until=row.previous_until,
    )


_BY_ID = Prepared(
    select(
        api_keys.c.id,
        api_keys.c.project,
        api_keys.c.scopes,
        api_keys.c.secret_sha256,
        api_keys.c.expires_at,
        api_keys.c.previous_sha256,
        (api_keys.c.previous_until > now()).label("previous_is_live"),
        (
            api_keys.c.revoked_at.is_(None)
            & (api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > now()))
            & projects_table.c.closed_at.is_(None)
        ).label("is_valid"),
    )
    .join(projects_table, projects_table.c.name == api_keys.c.project, isouter=True)
    .where(api_keys.c.id == bindparam("key_id"))
)
