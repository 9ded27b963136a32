"""A PostgreSQL whose clock a test may step: what the service takes for the server's clock is a function of ours.

The database's search path names `public` before PostgreSQL's own functions, so every connection finds it there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg

DAY_SECONDS = 86_400.0
_FUNCTION = """
create table public.clock_step (seconds double precision not null);
insert into public.clock_step values (0);
create function public.clock_timestamp() returns timestamptz language sql volatile as
    $$ select pg_catalog.clock_timestamp() + seconds * interval '1 second' from public.clock_step $$;
"""


def make_steppable(url: str) -> None:
    """Have the clock of a database be one that may be stepped; before anybody connects to it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FUNCTION)
        connection.execute(f'alter database "{urlsplit(url).path[1:]}" set search_path = public, pg_catalog')


@contextmanager
def clock_stepped(url: str, seconds: float) -> Iterator[None]:
    """The clock jumps by so much, and back behind the block."""
    _step(url, seconds)
    try:
        yield
    finally:
        _step(url, 0.0)


def _step(url: str, seconds: float) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("update public.clock_step set seconds = %s", [seconds])
