"""Holds of addresses and sessions that move to another address

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Holds of addresses and sessions that move to another address"""


def downgrade() -> None:
    """Undo"""
