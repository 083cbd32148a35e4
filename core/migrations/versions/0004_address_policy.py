"""The address policy: its mode and the signed estimate

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The address policy: its mode and the signed estimate"""
    op.create_table('address_clash_counter',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('bucket_start', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('primary_id', 'place_code', 'bucket_start', name=op.f('pk_address_clash_counter')),
    sqlite_with_rowid=False
    )
    op.create_table('address_policy_act',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('voters_expected', sa.Integer(), nullable=False),
    sa.Column('addresses_expected', sa.Integer(), nullable=False),
    sa.Column('voters_exempt', sa.Integer(), nullable=False),
    sa.Column('refused_share', sa.Float(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('proposed_by', sa.Integer(), nullable=False),
    sa.Column('confirmed_by', sa.Integer(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("mode IN ('strict', 'advisory')", name=op.f('ck_address_policy_act_mode')),
    sa.CheckConstraint('addresses_expected > 0 AND voters_exempt >= 0 AND voters_exempt <= voters_expected AND voters_expected > 0', name=op.f('ck_address_policy_act_expectation')),
    sa.CheckConstraint('refused_share >= 0 AND refused_share <= 1', name=op.f('ck_address_policy_act_refused_share')),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_address_policy_act_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_address_policy_act'))
    )
    with op.batch_alter_table('address_policy_act', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_address_policy_act_primary_id'), ['primary_id'], unique=False)

    with op.batch_alter_table('sign_in_challenge', schema=None) as batch_op:
        batch_op.add_column(sa.Column('address_short', sa.String(), server_default='', nullable=False))


def downgrade() -> None:
    """Undo"""
    with op.batch_alter_table('sign_in_challenge', schema=None) as batch_op:
        batch_op.drop_column('address_short')

    with op.batch_alter_table('address_policy_act', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_address_policy_act_primary_id'))

    op.drop_table('address_policy_act')
    op.drop_table('address_clash_counter')
