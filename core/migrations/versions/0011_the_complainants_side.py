"""The complainant's side, identity and retention

Revision ID: 0011
Revises: 0010
"""

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The complainant's side, identity and retention"""


def downgrade() -> None:
    """Undo"""
