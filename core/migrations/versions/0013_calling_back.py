"""Calling back

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Calling back"""
    op.create_table('call_back',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('contact_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('due_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('safe_from', sa.Time(), nullable=True),
    sa.Column('safe_until', sa.Time(), nullable=True),
    sa.Column('why', sa.LargeBinary(), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('taken_by', sa.Integer(), nullable=True),
    sa.Column('taken_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('settled_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('settled_by', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_call_back_account_id_account')),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_call_back_contact_id_contact')),
    sa.ForeignKeyConstraint(['settled_by'], ['contact.id'], name=op.f('fk_call_back_settled_by_contact')),
    sa.ForeignKeyConstraint(['taken_by'], ['account.id'], name=op.f('fk_call_back_taken_by_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_back')),
    sa.UniqueConstraint('contact_id', name=op.f('uq_call_back_contact_id'))
    )
    with op.batch_alter_table('call_back', schema=None) as batch_op:
        batch_op.create_index('ix_call_back_waiting', ['state', 'due_at'], unique=False)



def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table('call_back', schema=None) as batch_op:
        batch_op.drop_index('ix_call_back_waiting')

    op.drop_table('call_back')
