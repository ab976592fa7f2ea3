"""Alembic's environment: runs the scripts on the connection that ``migrate`` hands over, in its transaction."""

from alembic import context

from sluicegate.db.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
