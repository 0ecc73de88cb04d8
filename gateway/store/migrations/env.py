"""Alembic's way in: the connection is always ours, handed over by `Store.migrate`."""

from alembic import context

from gateway.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
