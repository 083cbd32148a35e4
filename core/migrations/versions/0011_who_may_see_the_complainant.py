"""Who may see the complainant

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who may see the complainant"""
    op.create_table('identity_request',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('reason', sa.LargeBinary(), nullable=False),
    sa.Column('asked_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('second_id', sa.Integer(), nullable=True),
    sa.Column('decided_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('allowed', sa.Boolean(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_identity_request_account_id_account')),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_identity_request_case_id_case_file')),
    sa.ForeignKeyConstraint(['second_id'], ['account.id'], name=op.f('fk_identity_request_second_id_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_identity_request'))
    )
    with op.batch_alter_table('identity_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_identity_request_case_id'), ['case_id'], unique=False)



def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table('identity_request', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_identity_request_case_id'))

    op.drop_table('identity_request')
