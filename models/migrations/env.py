"""Alembic's entry: runs the migrations on the connection that `models.migrations` hands over."""

from alembic import context

from models.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller's unit of work is the transaction
)
context.run_migrations()
