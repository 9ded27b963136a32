"""What has to be done once before the service can start: tables and the first key."""

from models import database, keys


def prepare(url: str) -> str | None:
    """Bring the database at `url` up to date; return the admin key if this call created it, None if there was one.

    Safe to run from several machines at once. Raises models.errors.Unavailable when the database does not answer.
    """
    database.migrate(url)
    opened = database.Database(url)
    try:
        with opened.unit_of_work() as connection:
            return keys.ensure_admin(connection)
    finally:
        opened.close()
