"""No secret is ever in a log: the service does what it does with secrets while every logger says all it can say."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import IntegrityError

from api.main import create_app
from models import keys
from models.database import Database
from models.settings import Settings
from models.tables import webhooks
from tests.api.conftest import QUICK_WEBHOOKS, Connect, _connecting, make_key
from tests.api.hooks import arrive, make
from tests.api.steps import SPEC, submit
from tests.fixtures.issuer import issuing
from tests.fixtures.receivers import Receiver

PASSWORD = "canary-password"


@contextmanager
def everything_said(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let every logger there is speak at its lowest level."""
    names = [name for name, logger in logging.root.manager.loggerDict.items() if isinstance(logger, logging.Logger)]
    with caplog.at_level(logging.DEBUG):
        levels = {name: logging.getLogger(name).level for name in names}
        for name in names:
            logging.getLogger(name).setLevel(logging.DEBUG)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


@pytest.fixture
def loud(settings: Settings, database: Database, caplog: pytest.LogCaptureFixture, monkeypatch) -> Iterator[Connect]:
    monkeypatch.setattr("api.sweeps._WEBHOOKS_SECONDS", 0.02)
    broker = f"redis://:{PASSWORD}@127.0.0.1:9/0"
    with issuing() as issuer, everything_said(caplog):
        changes = {**QUICK_WEBHOOKS, "oidc_issuer": issuer.url, "log_level": "debug"}
        told = settings.model_copy(update=changes)
        told = Settings(**{**told.model_dump(exclude={"broker_url"}, exclude_unset=True), "broker_url": broker})
        with _connecting(create_app(told), database) as new:
            new.issuer = issuer  # type: ignore[attr-defined]
            yield new


def test_no_secret_is_logged_whatever_is_done_with_it(
    loud: Connect, database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture
):
    text = make_key(database, "operator")
    client = loud(key=text)
    made = client.post("/v1/keys", json={"name": "a", "scopes": ["jobs:read"]}, headers={"Idempotency-Key": "once"})
    rotated = client.post(f"/v1/keys/{made.json()['id']}/rotate")
    webhook = make(client, receiver)
    new_secret = client.post(f"/v1/webhooks/{webhook['id']}/rotate").json()["secret"]
    submit(client)
    arrive(receiver, 1)
    token = loud.issuer.token(iss="nobody", sub="ada")  # type: ignore[attr-defined]
    wrong = [text[:-1], text.upper(), f"{text}x", token]
    assert {loud(key=one).post("/v1/jobs", json=SPEC).status_code for one in wrong} == {401}
    assert client.get(f"/v1/jobs?name={'x' * 300}").status_code == 422
    assert client.post("/v1/webhooks", json={"url": f"https://user:{PASSWORD}@example.com"}).status_code == 422
    secrets = [text, *wrong, made.json()["key"], rotated.json()["key"], webhook["secret"], new_secret, PASSWORD]
    said = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "sqlalchemy.engine" in {record.name.rpartition(".")[0] for record in caplog.records}
    assert "/v1/webhooks" in said
    assert [secret for secret in secrets if secret in said or secret[8:40] in said] == []


def test_a_failure_of_the_database_tells_no_value(database: Database):
    with database.unit_of_work() as connection:
        key, _ = keys.create(connection, project="default", name="a", scopes=["admin"])
    row = {"id": "wh_1", "project": "p", "url": "u", "description": "", "format": "standard", "is_enabled": True}
    row |= {"secret": "whsec_canary", "created_at": 1.0, "updated_at": 1.0}
    with pytest.raises(IntegrityError) as caught, database.unit_of_work() as connection:
        for _ in range(2):
            connection.execute(webhooks.insert().values(**row))
    assert "whsec_canary" not in str(caught.value)
    assert key.id not in str(caught.value)
