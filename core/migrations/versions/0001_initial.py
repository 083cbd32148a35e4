"""The first schema."""

from alembic import op
from sqlmodel import SQLModel

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    known = dict(SQLModel.metadata.tables)
    while True:
        tables = {
            name: table
            for name, table in known.items()
            if all(key.target_fullname.split(".")[0] in known for key in table.foreign_keys)
        }
        if len(tables) == len(known):
            break
        known = tables
    SQLModel.metadata.create_all(op.get_bind(), tables=list(known.values()))
