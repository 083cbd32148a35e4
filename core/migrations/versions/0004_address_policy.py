"""The address policy: its mode and the signed estimate; what the rejections desk looks up by

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

ITEMS = ('timeline_complete', 'contests_exist', 'contests_have_candidates', 'roll_sealed', 'digest_key_matches', 'key_backup_tested', 'ceremony_rehearsed', 'election_key_installed')


def upgrade() -> None:
    """The address policy: its mode and the signed estimate; what the rejections desk looks up by"""
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

    op.create_table('used_code',
    sa.Column('reference', sa.String(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.PrimaryKeyConstraint('reference', name=op.f('pk_used_code')),
    sqlite_with_rowid=False
    )
    op.create_table('unused_code',
    sa.Column('reference', sa.String(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('mobile_digest', sa.LargeBinary(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('iin_masked', sa.String(), nullable=False),
    sa.Column('mobile_masked', sa.String(), nullable=False),
    sa.Column('address_short', sa.String(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('reference', name=op.f('pk_unused_code')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('unused_code', schema=None) as batch_op:
        batch_op.create_index('ix_unused_code_address_short', ['primary_id', 'address_short'], unique=False)
        batch_op.create_index('ix_unused_code_mobile_digest', ['primary_id', 'mobile_digest'], unique=False)

    op.create_table('case_source',
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_case_source_case_id_case_file')),
    sa.PrimaryKeyConstraint('source', 'ordinal', name=op.f('pk_case_source'))
    )
    with op.batch_alter_table('case_source', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_source_case_id'), ['case_id'], unique=False)

    with op.batch_alter_table('sign_in_challenge', schema=None) as batch_op:
        batch_op.add_column(sa.Column('address_short', sa.String(), server_default='', nullable=False))

    with op.batch_alter_table('address_exemption', schema=None) as batch_op:
        batch_op.add_column(sa.Column('place_code', sa.String(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('holder', sa.String(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('replaces', sa.Integer(), nullable=True))

    with op.batch_alter_table('rejection', schema=None) as batch_op:
        batch_op.create_index('ix_rejection_iin_digest', ['primary_id', 'iin_digest', 'reasons'], unique=False)
        batch_op.create_index('ix_rejection_address_short', ['primary_id', 'address_short'], unique=False)

    with op.batch_alter_table('voter', schema=None) as batch_op:
        batch_op.create_index('ix_voter_mobile', ['primary_id', 'mobile', 'reason_excluded'], unique=False)

    with op.batch_alter_table('member', schema=None) as batch_op:
        batch_op.create_index('ix_member_mobile_changed_at', ['mobile_changed_at'], unique=False, sqlite_where=sa.text('mobile_changed_at IS NOT NULL'), postgresql_where=sa.text('mobile_changed_at IS NOT NULL'))

    restrict_items((*ITEMS, 'address_policy_signed'))


def restrict_items(items: tuple[str, ...]) -> None:
    """Let only these items into the checklist."""
    listed = ', '.join(f"'{item}'" for item in items)
    with op.batch_alter_table('readiness_mark', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_readiness_mark_item'), type_='check')
        batch_op.create_check_constraint(batch_op.f('ck_readiness_mark_item'), f'item IN ({listed})')


def downgrade() -> None:
    """Undo"""
    op.execute(sa.text("DELETE FROM readiness_mark WHERE item = 'address_policy_signed'"))
    restrict_items(ITEMS)
    with op.batch_alter_table('member', schema=None) as batch_op:
        batch_op.drop_index('ix_member_mobile_changed_at')

    with op.batch_alter_table('voter', schema=None) as batch_op:
        batch_op.drop_index('ix_voter_mobile')

    with op.batch_alter_table('rejection', schema=None) as batch_op:
        batch_op.drop_index('ix_rejection_address_short')
        batch_op.drop_index('ix_rejection_iin_digest')

    with op.batch_alter_table('address_exemption', schema=None) as batch_op:
        batch_op.drop_column('replaces')
        batch_op.drop_column('holder')
        batch_op.drop_column('place_code')

    with op.batch_alter_table('sign_in_challenge', schema=None) as batch_op:
        batch_op.drop_column('address_short')

    with op.batch_alter_table('case_source', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_source_case_id'))

    op.drop_table('case_source')
    with op.batch_alter_table('unused_code', schema=None) as batch_op:
        batch_op.drop_index('ix_unused_code_mobile_digest')
        batch_op.drop_index('ix_unused_code_address_short')

    op.drop_table('unused_code')
    op.drop_table('used_code')
    with op.batch_alter_table('address_policy_act', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_address_policy_act_primary_id'))

    op.drop_table('address_policy_act')
    op.drop_table('address_clash_counter')
