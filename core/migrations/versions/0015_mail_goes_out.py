"""Mail goes out

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Mail goes out"""
    carried_by(('sms', 'mail'))


def carried_by(kinds: tuple[str, ...]) -> None:
    """Let messages go by these gateways only."""
    listed = ', '.join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table(
        'outbox_message', schema=None, table_kwargs={'sqlite_with_rowid': False}
    ) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_outbox_message_gateway'), type_='check')
        batch_op.create_check_constraint(
            batch_op.f('ck_outbox_message_gateway'), f'gateway IN ({listed})'
        )


def downgrade() -> None:
    """Undo it."""
    op.execute(sa.text("DELETE FROM outbox_message WHERE gateway = 'mail'"))
    carried_by(('sms',))
