"""What Alembic runs: the scripts, on the connection and in the transaction that it was handed.

Only `service.store.migrate` starts it.
"""

from __future__ import annotations

from alembic import context

from service.store.rows import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
