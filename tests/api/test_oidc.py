"""Tokens of an issuer that runs beside the tests: what holds opens what its claims say, and nothing else anything."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from jwt.algorithms import RSAAlgorithm
from pydantic import ValidationError
from starlette.testclient import TestClient

from api import issuer_keys
from api.main import create_app
from models.database import Database
from models.oidc_settings import is_safe_url
from models.settings import Settings
from tests.api.conftest import _connecting, _settings
from tests.api.steps import SPEC, problem
from tests.fixtures.issuer import IssuerProcess, issuing


@pytest.fixture(scope="module")
def issuer_process() -> Iterator[IssuerProcess]:
    with issuing() as running:
        yield running


@pytest.fixture(scope="module")
def running(
    migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory, issuer_process: IssuerProcess
) -> Iterator[tuple[FastAPI, TestClient]]:
    """A service that accepts the issuer's tokens."""
    folder = tmp_path_factory.mktemp("oidc")
    (folder / "trainyard.db").write_bytes(migrated_sqlite_file.read_bytes())
    settings = _settings(f"sqlite:///{folder / 'trainyard.db'}", folder)
    app, database = (
        create_app(settings.model_copy(update={"oidc_issuer": issuer_process.url})),
        Database(settings.database),
    )
    with _connecting(app, database) as new:
        yield app, new("admin")
    database.close()


@pytest.fixture
def issuer(issuer_process: IssuerProcess, running: tuple[FastAPI, TestClient]) -> IssuerProcess:
    """The issuer as it was at its start, and a service that knows none of its keys yet."""
    issuer_process.behave("well")
    issuer_process.serve("ec-1", "rsa-1", "shared")
    running[0].state.service.key_cache._kept_seconds = 0.0
    running[0].state.service.issuer._keys = issuer_keys.IssuerKeys(issuer_process.url)
    return issuer_process


@pytest.fixture
def api(running: tuple[FastAPI, TestClient], issuer: IssuerProcess) -> TestClient:
    """A client with an admin's key, of which tests replace the key."""
    return running[1]


def claims(issuer: IssuerProcess, **changes: object) -> dict[str, object]:
    good = {
        "iss": issuer.url,
        "aud": "trainyard",
        "sub": "ada",
        "exp": int(time.time()) + 300,
        "project": "default",
        "scope": "openid jobs:read",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def ask(api: TestClient, token: str, method: str = "GET", path: str = "/v1/jobs", **given: Any) -> httpx2.Response:
    return api.request(method, path, headers={"Authorization": f"Bearer {token}"}, **given)


@pytest.mark.parametrize("kid", ["ec-1", "rsa-1"])
def test_a_token_opens_what_its_claims_say(api: TestClient, issuer: IssuerProcess, kid: str):
    token = issuer.token(kid=kid, **claims(issuer))
    answer = ask(api, token)
    assert answer.status_code == 200
    assert "ratelimit" in answer.headers
    body = problem(ask(api, token, "POST", json=SPEC), 403, "forbidden")
    assert body["scope"] == "jobs:write"


def test_our_own_keys_go_on_to_work(api: TestClient):
    assert api.get("/v1/jobs").status_code == 200


def test_what_a_token_does_is_written_down_under_its_subject(api: TestClient, issuer: IssuerProcess):
    token = issuer.token(**claims(issuer, scope=["jobs:write", 5, "jobs:read"], aud=["trainyard", "another"]))
    assert ask(api, token, "POST", json=SPEC).status_code == 201
    lines = api.get("/v1/audit?actor=oidc:ada&outcome=done").json()["data"]
    assert [line["operation"] for line in lines] == ["create_job"]


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": float("inf")},
        {"exp": "tomorrow"},
        {"nbf": 32_000_000_000},
        {"iat": 32_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\nb"},
    ],
    ids=str,
)
def test_a_token_whose_claims_do_not_hold_opens_nothing(api: TestClient, issuer: IssuerProcess, changes: dict):
    problem(ask(api, issuer.token(**claims(issuer, **changes))), 401, "unauthorized")


def test_the_clocks_may_differ_by_the_leeway(api: TestClient, issuer: IssuerProcess):
    now = int(time.time())
    assert ask(api, issuer.token(**claims(issuer, exp=now - 2))).status_code == 200
    problem(ask(api, issuer.token(**claims(issuer, exp=now - 60))), 401, "unauthorized")


@pytest.mark.parametrize("changes", [{"project": None}, {"project": 5}, {"project": "No Name"}, {"project": "nobodys"}])
def test_a_token_without_an_open_project_is_forbidden(api: TestClient, issuer: IssuerProcess, changes: dict):
    problem(ask(api, issuer.token(**claims(issuer, **changes))), 403, "no_project")


@pytest.mark.parametrize("scope", [None, 5, {"jobs:read": True}, "root", ""])
def test_a_claim_without_known_scopes_gives_none(api: TestClient, issuer: IssuerProcess, scope: object):
    problem(ask(api, issuer.token(**claims(issuer, scope=scope))), 403, "forbidden")


def part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_a_token_without_a_signature_opens_nothing(api: TestClient, issuer: IssuerProcess):
    for algorithm in ("none", "None", "NONE", "", None):
        token = f"{part({'alg': algorithm, 'kid': 'ec-1'})}.{part(claims(issuer))}."
        problem(ask(api, token), 401, "unauthorized")


def test_a_public_key_is_no_shared_secret(api: TestClient, issuer: IssuerProcess):
    (public,) = [key for key in issuer.key_set() if key["kid"] == "rsa-1"]
    pem = RSAAlgorithm.from_jwk(public).public_bytes(*_pem())
    signed = f"{part({'alg': 'HS256', 'kid': 'rsa-1'})}.{part(claims(issuer))}"
    digest = hmac.digest(pem, signed.encode(), hashlib.sha256)
    forged = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    problem(ask(api, forged), 401, "unauthorized")


def _pem() -> tuple[object, object]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


@pytest.mark.parametrize(
    "header", [{"alg": "RS256"}, {"kid": "rsa-1"}, {"kid": "unknown"}, {"kid": 5}, {"crit": ["exp"]}], ids=str
)
def test_a_header_that_does_not_fit_the_key_opens_nothing(api: TestClient, issuer: IssuerProcess, header: dict):
    good = issuer.token(**claims(issuer)).split(".")
    problem(ask(api, ".".join([part({"alg": "ES256", "kid": "ec-1", **header}), *good[1:]])), 401, "unauthorized")


@pytest.mark.parametrize("token", ["a.b.c", "..", "x" * 200, "e30.e30.e30", "\x7f", "." * 20000])
def test_what_is_no_token_opens_nothing(api: TestClient, token: str):
    problem(ask(api, token), 401, "unauthorized")


def test_a_shared_secret_in_the_key_set_is_not_used(api: TestClient, issuer: IssuerProcess):
    problem(ask(api, issuer.token(kid="shared", **claims(issuer))), 401, "unauthorized")


def test_a_stranger_who_uses_a_known_name_opens_nothing(api: TestClient, issuer: IssuerProcess):
    forged = issuer.token(kid="ec-stranger", header={"kid": "ec-1"}, **claims(issuer))
    problem(ask(api, forged), 401, "unauthorized")


def test_a_new_key_of_the_issuer_is_fetched_and_an_old_one_forgotten(api: TestClient, issuer: IssuerProcess):
    old, new = issuer.token(**claims(issuer)), issuer.token(kid="ec-2", **claims(issuer))
    _let_pause(api, 0.0)
    assert ask(api, old).status_code == 200
    problem(ask(api, new), 401, "unauthorized")
    issuer.serve("ec-2")
    assert ask(api, new).status_code == 200
    problem(ask(api, old), 401, "unauthorized")


def test_unknown_names_do_not_make_the_service_ask_again_and_again(api: TestClient, issuer: IssuerProcess):
    before = issuer.num_fetches()
    for number in range(5):
        problem(ask(api, issuer.token(header={"kid": f"no-{number}"}, **claims(issuer))), 401, "unauthorized")
    assert issuer.num_fetches() - before == 1


@pytest.mark.parametrize("mode", ["error", "redirect", "name", "unsafe", "much"])
def test_an_issuer_that_does_not_answer_well_is_503_until_it_does(api: TestClient, issuer: IssuerProcess, mode: str):
    token = issuer.token(**claims(issuer))
    issuer.behave(mode)
    _let_pause(api, 0.0)
    answer = ask(api, token)
    problem(answer, 503, "issuer_unavailable")
    assert answer.headers["retry-after"] == "10"
    issuer.behave("well")
    assert ask(api, token).status_code == 200


def test_known_keys_work_while_the_issuer_is_down(
    api: TestClient, issuer: IssuerProcess, monkeypatch: pytest.MonkeyPatch
):
    known = issuer.token(**claims(issuer))
    unknown = issuer.token(kid="ec-2", **claims(issuer))
    assert ask(api, known).status_code == 200
    issuer.behave("error")
    _let_pause(api, 0.0)
    monkeypatch.setattr(issuer_keys, "_FRESH_SECONDS", 0.0)
    assert ask(api, known).status_code == 200
    problem(ask(api, unknown), 503, "issuer_unavailable")
    monkeypatch.setattr(issuer_keys, "_LONGEST_STALE_SECONDS", 0.0)
    problem(ask(api, known), 503, "issuer_unavailable")


def _let_pause(client: TestClient, seconds: float) -> None:
    client.app.state.service.issuer._keys._pause_seconds = seconds


def test_words_of_the_issuer_may_mean_scopes(settings: Settings, database: Database, issuer: IssuerProcess):
    changes = {
        "oidc_issuer": issuer.url,
        "oidc_scope_claim": "groups",
        "oidc_scopes": "yard-admins=admin,yard=jobs:read jobs:write",
        "oidc_project_claim": "tenant",
        "oidc_audience": "yard",
        "oidc_algorithms": "ES256",
    }
    with _connecting(create_app(settings.model_copy(update=changes)), database) as connect:
        words = claims(issuer, aud="yard", tenant="default", project=None, groups=["yard", "admin"])
        client = connect(key=issuer.token(**words))
        assert client.post("/v1/jobs", json=SPEC).status_code == 201
        problem(client.get("/v1/keys"), 403, "forbidden")
        problem(ask(client, issuer.token(kid="rsa-1", **words)), 401, "unauthorized")
        token = issuer.token(**{**words, "groups": "yard-admins"})
        assert ask(client, token, path="/v1/keys").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"oidc_issuer": "http://issuer.example"},
        {"oidc_issuer": "https://"},
        {"oidc_issuer": "https://user@issuer.example"},
        {"oidc_issuer": "ftp://127.0.0.1"},
        {"oidc_algorithms": "HS256"},
        {"oidc_algorithms": "none"},
        {"oidc_algorithms": "RS256,none"},
        {"oidc_scopes": "admins"},
        {"oidc_scopes": "admins=root"},
        {"oidc_leeway_seconds": 3600},
    ],
    ids=str,
)
def test_a_setting_that_would_open_the_door_is_refused(changes: dict):
    with pytest.raises(ValidationError):
        Settings(**changes)


def test_plain_http_is_for_this_machine_alone():
    assert all(
        map(is_safe_url, ("http://127.0.0.1:80", "http://localhost/x", "http://[::1]:8080", "https://a.example"))
    )
    unsafe = ("http://127.0.0.1.example", "http://10.0.0.1", "http://1.2", "http://[::2]", "//127.0.0.1", "http://")
    assert not any(map(is_safe_url, unsafe))
