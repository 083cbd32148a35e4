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
    op.create_table('address_hold',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('expires_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('primary_id', 'digest', name=op.f('pk_address_hold')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('address_hold', schema=None) as batch_op:
        batch_op.create_index('ix_address_hold_expires_at', ['expires_at'], unique=False)

    with op.batch_alter_table('sign_in_challenge', schema=None) as batch_op:
        batch_op.add_column(sa.Column('moves_session', sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column('idempotency_hmac', sa.LargeBinary(), nullable=True))

    with op.batch_alter_table('voting_session', schema=None) as batch_op:
        batch_op.add_column(sa.Column('moves', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('move_challenge', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('move_address', sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column('move_expires_at', core.database.UtcDateTime(timezone=True), nullable=True))

    with op.batch_alter_table('ballot', schema=None) as batch_op:
        batch_op.drop_constraint('uq_ballot_sha256', type_='unique')


def downgrade() -> None:
    """Undo"""
    with op.batch_alter_table('ballot', schema=None) as batch_op:
        batch_op.create_unique_constraint('uq_ballot_sha256', ['sha256'])

    with op.batch_alter_table('voting_session', schema=None) as batch_op:
        batch_op.drop_column('move_expires_at')
        batch_op.drop_column('move_address')
        batch_op.drop_column('move_challenge')
        batch_op.drop_column('moves')

    with op.batch_alter_table('sign_in_challenge', schema=None) as batch_op:
        batch_op.drop_column('idempotency_hmac')
        batch_op.drop_column('moves_session')

    with op.batch_alter_table('address_hold', schema=None) as batch_op:
        batch_op.drop_index('ix_address_hold_expires_at')

    op.drop_table('address_hold')
