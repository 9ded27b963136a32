"""Keys that are remembered for a second: what this process does to them holds at once."""

import asyncio
import time

from starlette.testclient import TestClient

from api.key_cache import KeyCache
from models import keys
from models.database import Database
from models.errors import Unauthorized
from models.pages import PageRequest
from models.principal import Principal
from tests.api.conftest import Connect, make_key
from tests.api.steps import problem
from tests.fixtures.waiting import wait_for


def principal(**fields: float) -> Principal:
    return Principal("key_1", "default", frozenset({"jobs:read"}), **fields)


def test_a_key_is_remembered_until_the_time_is_up():
    cache = KeyCache(kept_seconds=1000.0)
    cache.keep("text", principal(), generation=cache.generation)
    assert cache.find("text") == principal()
    assert cache.find("other") is None
    short = KeyCache(kept_seconds=0.0)
    short.keep("text", principal(), generation=short.generation)
    assert short.find("text") is None


def test_a_key_that_ends_is_not_remembered_for_longer():
    cache = KeyCache(kept_seconds=1000.0)
    cache.keep("text", principal(expires_at=time.time() - 1.0), generation=cache.generation)
    assert cache.find("text") is None


def test_an_answer_that_was_overtaken_by_a_change_is_not_kept():
    cache = KeyCache(kept_seconds=1000.0)
    generation = cache.generation
    cache.clear()
    cache.keep("text", principal(), generation=generation)
    assert cache.find("text") is None


def test_revoking_rotating_and_closing_hold_for_the_very_next_request(connect: Connect, database: Database):
    operator = connect("operator")
    text = make_key(database, "jobs:read")
    victim = connect(key=text)
    assert victim.get("/v1/jobs").status_code == 200
    key_id = _id(operator, "default")
    operator.post(f"/v1/keys/{key_id}/rotate", json={"grace_seconds": 0}).raise_for_status()
    problem(victim.get("/v1/jobs"), 401, "unauthorized")

    other = connect("jobs:read", project="other")
    assert other.get("/v1/jobs").status_code == 200
    operator.post("/v1/projects/other/close").raise_for_status()
    problem(other.get("/v1/jobs"), 401, "unauthorized")

    third = connect("jobs:read", project="third")
    assert third.get("/v1/jobs").status_code == 200
    operator.delete(f"/v1/keys/{_id(operator, 'third')}").raise_for_status()
    problem(third.get("/v1/jobs"), 401, "unauthorized")


def test_what_another_process_revokes_holds_soon(connect: Connect, database: Database):
    client = connect("jobs:read")
    assert client.get("/v1/jobs").status_code == 200
    with database.unit_of_work() as connection:
        found = keys.listing(connection, project="default", page=PageRequest())
        keys.revoke(connection, project=None, key_id=found[0].id)
    wait_for(lambda: client.get("/v1/jobs").status_code == 401, "the key to be refused")


def _id(operator: TestClient, project: str) -> str:
    """The newest key of a project."""
    return str(operator.get("/v1/keys", params={"project": project}).json()["data"][0]["id"])


def test_who_asks_while_a_key_is_being_asked_for_waits_for_that_answer():
    cache, calls = KeyCache(), []

    async def authenticate(token: str) -> Principal:
        calls.append(token)
        await asyncio.sleep(0)
        if token == "wrong":
            raise Unauthorized
        return principal()

    async def everybody() -> list[Principal | BaseException]:
        tokens = ["text", "text", "other", "text", "wrong", "wrong"]
        return await asyncio.gather(*(cache.ask(token, authenticate) for token in tokens), return_exceptions=True)

    found = asyncio.run(everybody())
    assert found[:4] == [principal()] * 4
    assert all(isinstance(one, Unauthorized) for one in found[4:])
    assert sorted(calls) == ["other", "text", "wrong"]
    assert cache.find("text") == principal()
    assert cache.find("wrong") is None


def test_who_asks_after_a_change_does_not_hear_what_was_asked_before_it():
    cache, answers = KeyCache(), ["before", "after"]

    async def authenticate(_: str) -> Principal:
        answer = answers.pop(0)
        for _ in range(3):
            await asyncio.sleep(0)
        return Principal(answer, "default", frozenset())

    async def ask() -> tuple[Principal, Principal]:
        early = asyncio.ensure_future(cache.ask("text", authenticate))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cache.clear()
        late = await cache.ask("text", authenticate)
        return await early, late

    early, late = asyncio.run(ask())
    assert (early.key_id, late.key_id) == ("before", "after")
    assert cache.find("text") == late


def test_one_who_goes_away_does_not_take_the_answer_from_the_others():
    cache = KeyCache()

    async def authenticate(_: str) -> Principal:
        await asyncio.sleep(0.01)
        return principal()

    async def ask() -> Principal:
        first = asyncio.ensure_future(cache.ask("text", authenticate))
        second = asyncio.ensure_future(cache.ask("text", authenticate))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(ask()) == principal()
