"""Evidence, links between cases and who is complained of

Revision ID: 0009
Revises: 0008
"""

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Evidence, links between cases and who is complained of"""


def downgrade() -> None:
    """Undo"""
