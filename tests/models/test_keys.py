"""Keys: shown once, kept as a hash, refused when wrong, expired or revoked."""

import time

import pytest
from sqlalchemy import select

from models import keys
from models.database import Database
from models.errors import NotFound, Unauthorized
from models.pages import PageRequest
from models.principal import SCOPES, Principal
from models.tables import api_keys


def _created(database: Database, **words: object) -> tuple[keys.Key, str]:
    given = {"project": "default", "name": "ci", "scopes": ["jobs:read"], **words}
    with database.unit_of_work() as connection:
        return keys.create(connection, **given)


def _authenticated(database: Database, text: str) -> Principal:
    with database.reading() as connection:
        return keys.authenticate(connection, text)


def test_a_key_speaks_for_its_project_within_its_scopes(database: Database) -> None:
    key, text = _created(database, project="risk")
    principal = _authenticated(database, text)
    assert (principal.key_id, principal.project) == (key.id, "risk")
    assert principal.may("jobs:read")
    assert not principal.may("jobs:write")


def test_admin_holds_every_scope(database: Database) -> None:
    _, text = _created(database, scopes=["admin"])
    assert all(_authenticated(database, text).may(scope) for scope in set(SCOPES) - {"operator"})


def test_the_database_holds_no_usable_key(database: Database) -> None:
    _, text = _created(database)
    secret = text.split("_")[2]
    with database.reading() as connection:
        row = connection.execute(select(api_keys)).one()
    assert secret not in str(row)
    assert secret[:-6] not in str(row)


@pytest.mark.parametrize("spoil", ["", "ty_no_no", "ty__", "x" * 500, "ty_a_b_c", "Bearer", "ty_\u00e4_\u00f6"])
def test_what_is_no_key_is_refused(database: Database, spoil: str) -> None:
    with pytest.raises(Unauthorized):
        _authenticated(database, spoil)


def test_a_key_with_one_character_changed_is_refused(database: Database) -> None:
    _, text = _created(database)
    for place in (5, len(text) - 20, len(text) - 1):
        changed = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]
        with pytest.raises(Unauthorized):
            _authenticated(database, changed)


def test_an_expired_key_is_refused(database: Database) -> None:
    _, text = _created(database, expires_at=time.time() - 5)
    with pytest.raises(Unauthorized):
        _authenticated(database, text)
    assert _authenticated(database, _created(database, expires_at=time.time() + 60)[1])


def test_a_revoked_key_is_refused_and_stays_revoked(database: Database) -> None:
    key, text = _created(database)
    with database.unit_of_work() as connection:
        first = keys.revoke(connection, project="default", key_id=key.id)
        assert keys.revoke(connection, project="default", key_id=key.id) == first
        with pytest.raises(NotFound):
            keys.revoke(connection, project="other", key_id=key.id)
    with pytest.raises(Unauthorized):
        _authenticated(database, text)


def test_the_last_use_is_noted_to_the_minute(database: Database) -> None:
    key, _ = _created(database)
    with database.unit_of_work() as connection:
        keys.touch(connection, key_id=key.id)
        (first,) = keys.listing(connection, project="default", page=PageRequest())
        keys.touch(connection, key_id=key.id)
        (second,) = keys.listing(connection, project="default", page=PageRequest())
    assert first.last_used_at is not None
    assert second.last_used_at == first.last_used_at


def test_the_first_admin_key_is_made_once(database: Database) -> None:
    with database.unit_of_work() as connection:
        text = keys.ensure_admin(connection)
        assert text is not None
        assert keys.ensure_admin(connection) is None
    assert _authenticated(database, text).may("admin")
