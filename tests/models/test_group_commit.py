"""Many units of work in one commit: none lost, none harmed by another, none answered before it is on the disk."""

import asyncio
import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from models.database import Connection, Database
from models.errors import Conflict, Unavailable
from models.group_commit import MOST_UNITS, Writer


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    with database.unit_of_work() as connection:
        connection.execute(text("create table notes (word varchar(20) primary key)"))
    made = Writer(database)
    made.start()
    yield made
    made.close()


def note(word: str):
    def work(connection: Connection) -> str:
        connection.execute(text("insert into notes values (:word)"), {"word": word})
        return word

    return work


def spoilt(word: str):
    def work(connection: Connection) -> str:
        note(word)(connection)
        raise Conflict(f"{word} is not to be kept")

    return work


def notes(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(text("select word from notes")).scalars())


def test_everybody_gets_their_own_answer_and_finds_it_stored(database: Database, writer: Writer):
    words = [f"word {number}" for number in range(3 * MOST_UNITS)]

    async def write(word: str) -> str:
        found = await writer.run(note(word))
        assert word in await asyncio.to_thread(notes, database)
        return found

    async def everybody() -> list[str]:
        return await asyncio.gather(*map(write, words[:20]), *(writer.run(note(word)) for word in words[20:]))

    assert asyncio.run(everybody()) == words
    assert notes(database) == set(words)


def test_a_unit_that_fails_undoes_itself_alone(database: Database, writer: Writer):
    async def everybody() -> list[object]:
        units = [spoilt(f"bad {number}") if number % 3 == 0 else note(f"good {number}") for number in range(30)]
        return await asyncio.gather(*map(writer.run, units), return_exceptions=True)

    found = asyncio.run(everybody())
    assert [isinstance(one, Conflict) for one in found] == [number % 3 == 0 for number in range(30)]
    assert notes(database) == {f"good {number}" for number in range(30) if number % 3}


def test_units_share_a_commit(sqlite_url: str):
    database = Database(sqlite_url)
    with database.unit_of_work() as connection:
        connection.execute(text("create table notes (word varchar(20) primary key)"))
    writer = Writer(database)  # not started: everybody is there before the first batch begins
    num_units, commits = 40, []

    async def everybody() -> None:
        tasks = [asyncio.create_task(writer.run(note(f"word {number}"))) for number in range(num_units)]
        await asyncio.sleep(0)
        writer.start()
        await asyncio.gather(*tasks)

    unit_of_work = database.unit_of_work

    def counted():
        commits.append(1)
        return unit_of_work()

    database.unit_of_work = counted  # type: ignore[method-assign]
    asyncio.run(everybody())
    writer.close()
    assert len(notes(database)) == num_units
    assert len(commits) < num_units / 2
    database.close()


def test_where_the_transaction_is_gone_everybody_in_it_hears_so(sqlite_url: str):
    database = Database(sqlite_url)
    with database.unit_of_work() as connection:
        connection.execute(text("create table notes (word varchar(20) primary key)"))
    writer = Writer(database)

    def breaks(connection: Connection) -> None:
        connection.exec_driver_sql("rollback")  # as a full disk makes SQLite do by itself
        raise sqlite3.OperationalError("database or disk is full")

    async def everybody() -> list[object]:
        tasks = [asyncio.create_task(writer.run(unit)) for unit in (note("before"), breaks, note("after"))]
        await asyncio.sleep(0)
        writer.start()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(everybody())
    assert isinstance(found[0], Unavailable)
    assert isinstance(found[1], Unavailable)
    assert "before" not in notes(database)
    assert ("after" in notes(database)) == (found[2] is None or found[2] == "after")
    assert asyncio.run(writer.run(note("later"))) == "later"
    writer.close()
    database.close()


def test_a_stopped_writer_has_written_what_waited_and_takes_no_more(sqlite_url: str):
    database = Database(sqlite_url)
    with database.unit_of_work() as connection:
        connection.execute(text("create table notes (word varchar(20) primary key)"))
    writer = Writer(database)

    async def stop() -> None:
        task = asyncio.create_task(writer.run(note("last")))
        await asyncio.sleep(0)
        writer.start()
        await asyncio.to_thread(writer.close)
        assert await task == "last"
        with pytest.raises(Unavailable):
            await writer.run(note("too late"))

    asyncio.run(stop())
    assert notes(database) == {"last"}
    database.close()


def test_what_arrives_together_is_one_batch_however_soon_the_writer_could_begin(database: Database, writer: Writer):
    if not database.is_sqlite:
        return  # each has a transaction of its own
    batches: list[int] = []
    write_batch = writer._write_batch

    def counted() -> None:
        batches.append(len(writer._waiting))
        write_batch()

    writer._write_batch = counted  # type: ignore[method-assign]

    async def everybody() -> None:
        await asyncio.gather(*(writer.run(note(f"word {number}")) for number in range(20)))

    asyncio.run(everybody())
    assert batches == [20]
