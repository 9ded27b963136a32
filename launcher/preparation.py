"""What has to be done before the service can start: tables, the first key, and a look at who is there already."""

from dataclasses import dataclass

from models import keys, workers
from models.database import Database
from models.migrations import migrate


@dataclass(frozen=True)
class Prepared:
    """What was found or made: the admin key if there was none, and the workers that other launchers run."""

    new_key: str | None
    earlier_workers: frozenset[str]


def prepare(url: str) -> Prepared:
    """Bring the database at `url` up to date. Raises models.errors.Unavailable when it does not answer."""
    database = Database(url)
    try:
        migrate(database)
        with database.unit_of_work() as connection:
            earlier = frozenset(worker.id for worker in workers.listing(connection))
            return Prepared(keys.ensure_admin(connection), earlier)
    finally:
        database.close()
