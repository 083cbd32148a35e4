"""The public board: leaves and signed tree heads

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The public board: leaves and signed tree heads"""


def downgrade() -> None:
    """Undo"""
