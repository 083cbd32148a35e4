"""Alembic's environment: one connection, handed over by `core.database.upgrade`."""

from alembic import context
from sqlmodel import SQLModel

from core.migrations.models import import_all

import_all()
connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
