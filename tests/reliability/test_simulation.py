"""A thousand seeded lives of the protocol keep every promise, and a protocol with a hole does not."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models import doorbells, endings, leases
from models.database import Connection
from models.errors import Superseded
from models.leases import Lease, Orders
from models.reaper import Reaper
from tests.fixtures.results import Measured
from tests.reliability.faulty_database import FaultyDatabase
from tests.reliability.promises import Violation
from tests.reliability.simulation import World
from worker.ledger import Ledger

NUM_STEPS = 15


@pytest.fixture
def database(memory: Path, migrated_sqlite_file: Path) -> Iterator[FaultyDatabase]:
    opened = FaultyDatabase(f"sqlite:///{shutil.copy(migrated_sqlite_file, memory / 'world.db')}")
    yield opened
    opened.close()


def live(database: FaultyDatabase, memory: Path, seed: int, *, num_steps: int = NUM_STEPS) -> World:
    """One seed from an empty database to rest; a violation names its seed."""
    with database.unit_of_work() as connection:
        connection.exec_driver_sql("delete from jobs")
    world = World(database, memory / "artifacts", seed)
    try:
        world.run(num_steps)
    except Violation as violation:
        violation.add_note(f"seed {seed} of {num_steps} steps")
        raise
    finally:
        world.promises.close()
    return world


def test_a_thousand_seeds_keep_every_promise(database, memory, measured: Measured):
    began = time.monotonic()
    worlds = [live(database, memory, seed) for seed in range(1000)]
    virtual = sum(world.now for world in worlds)
    measured("simulation", seeds=1000, violations=0, virtual_hours=virtual / 3600, seconds=time.monotonic() - began)
    assert sum(world.promises.num_refusals for world in worlds) > 500, "there were faults"


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(100_000, 110_000, 1000))
def test_ten_thousand_long_seeds_keep_every_promise(database, memory, measured: Measured, first):
    num_refusals, virtual = 0, 0.0
    for seed in range(first, first + 1000):
        world = live(database, memory, seed, num_steps=150)
        num_refusals += world.promises.num_refusals
        virtual += world.now
    measured(f"long simulation, from seed {first}", seeds=1000, violations=0, virtual_hours=virtual / 3600)
    assert num_refusals > 1000


def test_a_seed_lives_the_same_life_again(database, memory):
    lives = [live(database, memory, 7, num_steps=60) for _ in range(2)]
    assert [world.promises.num_refusals for world in lives] == [lives[0].promises.num_refusals] * 2
    assert lives[0].now == lives[1].now
    assert lives[0].promises._phases == lives[1].promises._phases


def without_the_guard(patch: pytest.MonkeyPatch) -> None:
    def unguarded(connection: Connection, lease: Lease, **words: Any) -> Orders:
        try:
            return BEAT(connection, lease, **words)
        except Superseded:
            return Orders(cancel=False, pause=False, stop=False, beat=0)

    patch.setattr(leases, "beat", unguarded)


def without_counting_batches(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "_answered_beat", property(lambda _: 1 << 60, lambda *_: None), raising=False)


def without_patience(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Reaper, "_look", lambda self, at: list(everybody(self, at)))
    patch.setattr("models.reaper.reap", without_looking)


def everybody(reaper: Reaper, at: float) -> Iterator[Lease]:
    LOOK(reaper, at)
    yield from reaper._observed


def without_looking(connection, lease, **_):
    leases.drop(connection, lease)
    return endings._lost(connection, lease)


def without_doorbells(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doorbells, "leave", lambda *_, **__: None)


def without_dropping_leases(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(endings, "drop", lambda *_: None)


LOOK = Reaper._look
BEAT = leases.beat


@pytest.mark.parametrize(
    ("hole", "words"),
    [
        (without_the_guard, "superseded|twice"),
        (without_counting_batches, "twice"),
        (without_patience, "heard"),
        (without_doorbells, "doorbell"),
        (without_dropping_leases, "with a lease"),
    ],
)
def test_a_protocol_with_a_hole_is_found_out(
    database, memory, monkeypatch, hole: Callable[[pytest.MonkeyPatch], None], words: str
):
    hole(monkeypatch)
    with pytest.raises(Violation, match=words) as found:
        for seed in range(200):
            live(database, memory, seed)
    assert "seed" in found.value.__notes__[0]
