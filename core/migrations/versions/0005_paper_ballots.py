"""Polling places: paper lists, marks, releases, protocols

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Polling places: paper lists, marks, releases, protocols"""


def downgrade() -> None:
    """Undo"""
