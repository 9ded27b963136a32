"""Migrations bring an older schema to the one that the tables describe, and keep what is in it."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from models import migrations
from models.database import Database
from models.tables import metadata
from tests.fixtures.postgresql import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path):
    """A database without a schema, on each system."""
    server: Server | None = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
    url = f"sqlite:///{tmp_path / 'empty.db'}" if server is None else server.create()
    database = Database(url)
    yield database
    database.close()
    if server is not None:
        server.drop(url)


def upgrade(database: Database, revision: str) -> None:
    with database.unit_of_work() as connection:
        configuration = migrations._configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)


def test_the_migrations_make_the_tables_that_the_code_describes(empty):
    migrations.migrate(empty)
    with empty.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        differences = compare_metadata(context, metadata)
    # SQLite does not tell of the expression in this one, so it cannot be compared there
    assert [difference for difference in differences if difference[1].name != "ix_jobs_claim"] == []
    assert migrations.is_current(empty)


def test_a_first_schema_with_content_is_brought_up_to_date(empty):
    upgrade(empty, "0001")
    assert not migrations.is_current(empty)
    with empty.unit_of_work() as connection:
        connection.execute(text("insert into service_secrets values ('cursors', 'kept')"))
    migrations.migrate(empty)
    with empty.reading() as connection:
        assert connection.execute(text("select value from service_secrets")).scalar_one() == "kept"
        assert "predictions" in inspect(connection).get_table_names()
