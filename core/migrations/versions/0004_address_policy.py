"""The address policy: its mode and the signed estimate

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The address policy: its mode and the signed estimate"""


def downgrade() -> None:
    """Undo"""
