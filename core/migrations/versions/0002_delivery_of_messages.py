"""Delivery of messages: attempts, reports of the gateway, expiry

Revision ID: 0002
Revises: 0001
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy import RowMapping

import core.database

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

KEPT = ('purpose', 'idempotency_key', 'body', 'state', 'attempts', 'queued_at', 'due_at')
WAITING = sa.text("state IN ('queued', 'sending')")
KEYED = sa.text("idempotency_key IS NOT NULL")
GIVEN_UP = sa.text("state = 'failed' AND body IS NOT NULL")


def upgrade() -> None:
    """Delivery of messages: attempts, reports of the gateway, expiry"""
    # The key changes its kind: the few messages on their way move to a new table.
    kept = _messages()
    op.drop_table('outbox_message')
    table = op.create_table('outbox_message',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('gateway', sa.String(), nullable=False),
    sa.Column('purpose', sa.String(), nullable=False),
    sa.Column('priority', sa.Integer(), nullable=False),
    sa.Column('idempotency_key', sa.String(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=True),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('fault', sa.String(), nullable=True),
    sa.Column('queued_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('due_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('changed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("gateway IN ('sms')", name=op.f('ck_outbox_message_gateway')),
    sa.CheckConstraint("state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'expired', 'discarded')", name=op.f('ck_outbox_message_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox_message')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('outbox_message', schema=None) as batch_op:
        batch_op.create_index('ix_outbox_message_waiting', ['gateway', 'priority', 'due_at'], unique=False, sqlite_where=WAITING, postgresql_where=WAITING)
        batch_op.create_index('ix_outbox_message_given_up', ['gateway', 'purpose'], unique=False, sqlite_where=GIVEN_UP, postgresql_where=GIVEN_UP)
        batch_op.create_index('uq_outbox_message_idempotency_key', ['idempotency_key'], unique=True, sqlite_where=KEYED, postgresql_where=KEYED)
    op.bulk_insert(table, [
        {
            **{name: row[name] for name in KEPT},
            'id': f'{number:032x}',
            'gateway': 'sms',
            'priority': 0 if row['purpose'] == 'one_time_code' else 1,
            'changed_at': row['queued_at'],
        }
        for number, row in enumerate(kept, start=1)
    ])
    op.create_table('message_act',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('act', sa.String(), nullable=False),
    sa.Column('purpose', sa.String(), nullable=False),
    sa.Column('messages', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.CheckConstraint("act IN ('try_again', 'discard')", name=op.f('ck_message_act_act')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message_act'))
    )
    op.create_table('code_allowance',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('per_hour', sa.Integer(), nullable=False),
    sa.Column('per_day', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('set_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('set_by', sa.Integer(), nullable=False),
    sa.CheckConstraint('per_hour > 0 AND per_day > 0', name=op.f('ck_code_allowance_some')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_code_allowance'))
    )
    op.create_table('code_count',
    sa.Column('hour', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('counter', sa.String(), nullable=False),
    sa.Column('codes', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('hour', 'counter', name=op.f('pk_code_count'))
    )


def downgrade() -> None:
    """Undo"""
    op.drop_table('code_count')
    op.drop_table('code_allowance')
    op.drop_table('message_act')
    kept = _messages()
    op.drop_table('outbox_message')
    table = op.create_table('outbox_message',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('purpose', sa.String(), nullable=False),
    sa.Column('idempotency_key', sa.String(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=True),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('queued_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('due_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('sent_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox_message')),
    sa.UniqueConstraint('idempotency_key', name=op.f('uq_outbox_message_idempotency_key'))
    )
    with op.batch_alter_table('outbox_message', schema=None) as batch_op:
        batch_op.create_index('ix_outbox_message_waiting', ['due_at'], unique=False, sqlite_where=WAITING, postgresql_where=WAITING)
    states = {'delivered': 'sent', 'expired': 'failed', 'discarded': 'failed'}
    op.bulk_insert(table, [
        {
            **{name: row[name] for name in KEPT},
            'id': number,
            'idempotency_key': row['idempotency_key'] or f'message:{number}',
            'state': states.get(row['state'], row['state']),
        }
        for number, row in enumerate(kept, start=1)
    ])


def _messages() -> Sequence[RowMapping]:
    instant = core.database.UtcDateTime(timezone=True)
    table = sa.table('outbox_message', *(sa.column(name) for name in KEPT[:5]), *(sa.column(name, instant) for name in KEPT[5:]))
    return op.get_bind().execute(sa.select(table).order_by(table.c.queued_at)).mappings().all()
