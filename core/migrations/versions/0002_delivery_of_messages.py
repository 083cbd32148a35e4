"""Delivery of messages: attempts, reports of the gateway, expiry

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Delivery of messages: attempts, reports of the gateway, expiry"""


def downgrade() -> None:
    """Undo"""
