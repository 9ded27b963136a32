"""`python -m models.migrations`: migrate the database that the settings name, and make the first admin key where there
is none.
"""

from __future__ import annotations

import sys

from models.database import Database
from models.keys import ensure_admin
from models.migrations import migrate
from models.settings import settings


def main() -> None:
    """Migrate, and print the first admin key once."""
    database = Database(settings().database)
    migrate(database)
    with database.unit_of_work() as connection:
        key = ensure_admin(connection)
    if key is not None:
        sys.stdout.write(f"admin key (shown once): {key}\n")


if __name__ == "__main__":
    main()
