"""Candidate pages: photo, programme, links

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Candidate pages: photo, programme, links"""


def downgrade() -> None:
    """Undo"""
