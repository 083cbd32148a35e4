"""Alembic's environment: one connection, handed over by `core.database.upgrade`."""

from typing import Any, Literal

from alembic import context
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from core.migrations.models import import_all


def spell_type(kind: str, value: Any, _context: object) -> str | Literal[False]:
    """Revisions speak of plain strings: they must outlive SQLModel's names for them."""
    return "sa.String()" if kind == "type" and isinstance(value, AutoString) else False


import_all()
connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=True,
    compare_type=True,
    render_item=spell_type,
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
