"""Substitutes, challenges, holidays and reminders

Revision ID: 0010
Revises: 0009
"""

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Substitutes, challenges, holidays and reminders"""


def downgrade() -> None:
    """Undo"""
