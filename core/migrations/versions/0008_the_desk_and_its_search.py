"""Calls, drafts, call-backs and the search of cases

Revision ID: 0008
Revises: 0007
"""

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Calls, drafts, call-backs and the search of cases"""


def downgrade() -> None:
    """Undo"""
