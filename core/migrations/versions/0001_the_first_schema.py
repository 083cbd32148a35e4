"""The first schema

Revision ID: 0001
Revises: 
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first schema"""
    op.create_table('account',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('login', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('mobile', sa.String(), nullable=True),
    sa.Column('locale', sa.String(), nullable=False),
    sa.Column('password_hash', sa.String(), nullable=False),
    sa.Column('password_is_temporary', sa.Boolean(), nullable=False),
    sa.Column('totp_secret', sa.LargeBinary(), nullable=True),
    sa.Column('totp_last_step', sa.Integer(), nullable=False),
    sa.Column('second_factor_required', sa.Boolean(), nullable=False),
    sa.Column('disabled_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('created_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.Integer(), nullable=True),
    sa.Column('effective_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['created_by'], ['account.id'], name=op.f('fk_account_created_by_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account')),
    sa.UniqueConstraint('login', name=op.f('uq_account_login'))
    )
    op.create_table('address_exemption',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('network', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('document', sa.String(), nullable=False),
    sa.Column('valid_from', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('valid_until', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('cap_total', sa.Integer(), nullable=False),
    sa.Column('cap_hourly', sa.Integer(), nullable=False),
    sa.Column('used', sa.Integer(), nullable=False),
    sa.Column('proposed_by', sa.Integer(), nullable=False),
    sa.Column('confirmed_by', sa.Integer(), nullable=False),
    sa.Column('confirmed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('removed_by', sa.Integer(), nullable=True),
    sa.Column('removed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('terminal', 'shared_network')", name=op.f('ck_address_exemption_kind')),
    sa.CheckConstraint('cap_total > 0 AND cap_hourly > 0', name=op.f('ck_address_exemption_caps')),
    sa.CheckConstraint('used <= cap_total', name=op.f('ck_address_exemption_used')),
    sa.CheckConstraint('valid_from < valid_until', name=op.f('ck_address_exemption_period')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_address_exemption'))
    )
    with op.batch_alter_table('address_exemption', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_address_exemption_primary_id'), ['primary_id'], unique=False)

    op.create_table('admission_floor',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('until', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('set_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_admission_floor_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_admission_floor'))
    )
    op.create_table('admission_freeze',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('starts_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('ends_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('ends_at >= starts_at', name=op.f('ck_admission_freeze_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_admission_freeze'))
    )
    with op.batch_alter_table('admission_freeze', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_admission_freeze_ends_at'), ['ends_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_admission_freeze_starts_at'), ['starts_at'], unique=False)

    op.create_table('audit_entry',
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('act', sa.String(), nullable=False),
    sa.Column('author_kind', sa.String(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('details', sa.String(), nullable=False),
    sa.Column('previous_hash', sa.String(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_audit_entry'))
    )
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_entry_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_entry_act'), ['act'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_entry_at'), ['at'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_entry_subject'), ['subject'], unique=False)

    op.create_table('audit_head',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_audit_head_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_head'))
    )
    op.create_table('audit_signed_head',
    sa.Column('day', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.Column('signed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('signature', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_audit_signed_head'))
    )
    op.create_table('ballot',
    sa.Column('tracker', sa.String(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('contest_id', sa.String(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('sha256', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('tracker', name=op.f('pk_ballot')),
    sa.UniqueConstraint('sha256', name='uq_ballot_sha256'),
    sqlite_with_rowid=False
    )
    op.create_table('claim',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('idempotency_hmac', sa.LargeBinary(), nullable=True),
    sa.CheckConstraint("channel IN ('online', 'paper', 'paper_list')", name=op.f('ck_claim_channel')),
    sa.CheckConstraint("kind IN ('address', 'iin', 'mobile')", name=op.f('ck_claim_kind')),
    sa.PrimaryKeyConstraint('primary_id', 'kind', 'digest', name=op.f('pk_claim')),
    sqlite_with_rowid=False
    )
    op.create_table('commission',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=True),
    sa.Column('title', sa.String(), nullable=True),
    sa.Column('quorum', sa.Integer(), nullable=False),
    sa.Column('standing_key', sa.String(), nullable=True),
    sa.Column('created_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_commission')),
    sa.UniqueConstraint('standing_key', name=op.f('uq_commission_standing_key'))
    )
    with op.batch_alter_table('commission', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_commission_place_code'), ['place_code'], unique=False)

    op.create_table('desk_attempt',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('subject', sa.LargeBinary(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_desk_attempt'))
    )
    with op.batch_alter_table('desk_attempt', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_desk_attempt_at'), ['at'], unique=False)
        batch_op.create_index('ix_desk_attempt_subject', ['kind', 'subject', 'at'], unique=False)

    op.create_table('import_run',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('file_name', sa.String(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('started_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('finished_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('author_id', sa.Integer(), nullable=False),
    sa.Column('read_rows', sa.Integer(), nullable=False),
    sa.Column('new_rows', sa.Integer(), nullable=False),
    sa.Column('changed', sa.Integer(), nullable=False),
    sa.Column('same', sa.Integer(), nullable=False),
    sa.Column('refused', sa.Integer(), nullable=False),
    sa.Column('warned', sa.Integer(), nullable=False),
    sa.Column('unknown_columns', sa.String(), nullable=False),
    sa.Column('frozen_until', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('failure', sa.String(), nullable=True),
    sa.Column('report', sa.LargeBinary(), nullable=False),
    sa.Column('warnings', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('read_rows = new_rows + changed + same + refused', name=op.f('ck_import_run_reconciles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_run'))
    )
    op.create_table('lockout',
    sa.Column('key', sa.LargeBinary(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('window_started_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('locked_until', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_lockout'))
    )
    op.create_table('member',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('iin', sa.String(), nullable=False),
    sa.Column('last_name', sa.String(), nullable=False),
    sa.Column('first_name', sa.String(), nullable=False),
    sa.Column('middle_name', sa.String(), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=False),
    sa.Column('mobile', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('branch', sa.String(), nullable=False),
    sa.Column('admitted_on', sa.Date(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('search', sa.String().with_variant(sa.Text(collation='C'), 'postgresql'), nullable=False),
    sa.Column('mobile_changed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('updated_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("status IN ('active', 'excluded', 'withdrawn')", name=op.f('ck_member_status')),
    sa.CheckConstraint('length(iin) = 12', name=op.f('ck_member_iin_length')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_member')),
    sa.UniqueConstraint('iin', name=op.f('uq_member_iin'))
    )
    with op.batch_alter_table('member', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_member_admitted_on'), ['admitted_on'], unique=False)
        batch_op.create_index(batch_op.f('ix_member_mobile'), ['mobile'], unique=False)
        batch_op.create_index('ix_member_place_search', ['place_code', 'search'], unique=False)
        batch_op.create_index('ix_member_search', ['search'], unique=False)

    op.create_table('outbox_message',
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
        batch_op.create_index('ix_outbox_message_waiting', ['due_at'], unique=False, sqlite_where=sa.text("state IN ('queued', 'sending')"), postgresql_where=sa.text("state IN ('queued', 'sending')"))

    op.create_table('primary_election',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('slot', sa.Integer(), nullable=True),
    sa.Column('name_ru', sa.String(), nullable=False),
    sa.Column('name_kk', sa.String(), nullable=False),
    sa.Column('name_en', sa.String(), nullable=False),
    sa.Column('rehearsal', sa.Boolean(), nullable=False),
    sa.Column('hotline', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('created_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.Integer(), nullable=False),
    sa.Column('digest_fingerprint', sa.String(), nullable=False),
    sa.Column('cutoff', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('freeze_start', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('freeze_end', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('roll_sealed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('voting_opens', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('voting_closes', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('publication', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('public_key', sa.LargeBinary(), nullable=True),
    sa.Column('key_fingerprints', sa.JSON(), nullable=True),
    sa.Column('key_threshold', sa.Integer(), nullable=True),
    sa.Column('key_trustees', sa.Integer(), nullable=True),
    sa.Column('key_installed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('key_installed_by', sa.Integer(), nullable=True),
    sa.CheckConstraint('slot = 1', name=op.f('ck_primary_election_one_active')),
    sa.CheckConstraint('voting_closes > voting_opens AND freeze_end >= voting_closes AND publication >= voting_closes AND roll_sealed_at < voting_opens', name=op.f('ck_primary_election_timeline_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_primary_election')),
    sa.UniqueConstraint('slot', name='uq_primary_election_slot')
    )
    op.create_table('registered_counter',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('voters', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('primary_id', 'place_code', name=op.f('pk_registered_counter')),
    sqlite_with_rowid=False
    )
    op.create_table('registration',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('primary_id', 'iin_digest', name=op.f('pk_registration')),
    sqlite_with_rowid=False
    )
    op.create_table('rejection',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('reference', sa.String(), nullable=False),
    sa.Column('stage', sa.String(), nullable=False),
    sa.Column('reasons', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('iin_masked', sa.String(), nullable=False),
    sa.Column('mobile_masked', sa.String(), nullable=False),
    sa.Column('address_short', sa.String(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("stage IN ('sign_in', 'code', 'cast')", name=op.f('ck_rejection_stage')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rejection')),
    sa.UniqueConstraint('reference', name=op.f('uq_rejection_reference'))
    )
    with op.batch_alter_table('rejection', schema=None) as batch_op:
        batch_op.create_index('ix_rejection_primary_id_id', ['primary_id', 'id'], unique=False)

    op.create_table('rejection_counter',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('bucket_start', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('primary_id', 'reason', 'place_code', 'bucket_start', name=op.f('pk_rejection_counter')),
    sqlite_with_rowid=False
    )
    op.create_table('sign_in_challenge',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('mobile_digest', sa.LargeBinary(), nullable=False),
    sa.Column('code_hmac', sa.LargeBinary(), nullable=False),
    sa.Column('code_sent', sa.Boolean(), nullable=False),
    sa.Column('reference', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('iin_masked', sa.String(), nullable=False),
    sa.Column('mobile_masked', sa.String(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('solved', sa.Boolean(), nullable=False),
    sa.Column('created_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_challenge')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('sign_in_challenge', schema=None) as batch_op:
        batch_op.create_index('ix_sign_in_challenge_expires_at', ['expires_at'], unique=False)
        batch_op.create_index('ix_sign_in_challenge_reference', ['reference'], unique=False)

    op.create_table('staff_fact',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_staff_fact'))
    )
    op.create_table('text_key',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=True),
    sa.Column('destroyed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_text_key'))
    )
    op.create_table('turnout_counter',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('bucket_start', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('votes', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('primary_id', 'place_code', 'channel', 'bucket_start', name=op.f('pk_turnout_counter')),
    sqlite_with_rowid=False
    )
    op.create_table('voter',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('mobile', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('admitted_on', sa.Date(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('reason_excluded', sa.String(), nullable=True),
    sa.CheckConstraint("reason_excluded IN ('admitted_after_cutoff', 'under_age')", name=op.f('ck_voter_reason_excluded')),
    sa.CheckConstraint("status IN ('active', 'suspended')", name=op.f('ck_voter_status')),
    sa.PrimaryKeyConstraint('primary_id', 'iin_digest', name=op.f('pk_voter')),
    sqlite_with_rowid=False
    )
    op.create_table('voting_session',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('mobile_digest', sa.LargeBinary(), nullable=False),
    sa.Column('address_digest', sa.LargeBinary(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('iin_masked', sa.String(), nullable=False),
    sa.Column('mobile_masked', sa.String(), nullable=False),
    sa.Column('expires_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_voting_session')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('voting_session', schema=None) as batch_op:
        batch_op.create_index('ix_voting_session_expires_at', ['expires_at'], unique=False)

    op.create_table('account_identity',
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=True),
    sa.Column('mobile_digest', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_account_identity_account_id_account')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_account_identity'))
    )
    op.create_table('account_making',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('maker_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_account_making_account_id_account')),
    sa.ForeignKeyConstraint(['maker_id'], ['account.id'], name=op.f('fk_account_making_maker_id_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account_making'))
    )
    with op.batch_alter_table('account_making', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_account_making_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_account_making_maker_id'), ['maker_id'], unique=False)

    op.create_table('application',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('iin', sa.String(), nullable=False),
    sa.Column('last_name', sa.String(), nullable=False),
    sa.Column('first_name', sa.String(), nullable=False),
    sa.Column('middle_name', sa.String(), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=False),
    sa.Column('mobile', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('branch', sa.String(), nullable=False),
    sa.Column('search', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('submitted_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('told_until', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('decided_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('decided_by', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=True),
    sa.CheckConstraint("status IN ('waiting', 'admitted', 'declined')", name=op.f('ck_application_status')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_application_member_id_member')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_application'))
    )
    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.create_index('ix_application_status_place', ['status', 'place_code'], unique=False)
        batch_op.create_index('uq_application_waiting', ['iin'], unique=True, sqlite_where=sa.text("status = 'waiting'"), postgresql_where=sa.text("status = 'waiting'"))

    op.create_table('canvass_signature',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('signed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_canvass_signature_account_id_account')),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_canvass_signature_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', 'account_id', name=op.f('pk_canvass_signature'))
    )
    op.create_table('case_file',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('finding', sa.String(), nullable=True),
    sa.Column('category', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=True),
    sa.Column('urgency', sa.String(), nullable=False),
    sa.Column('risk', sa.Integer(), nullable=True),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('text_key_id', sa.Integer(), nullable=False),
    sa.Column('received_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('state_since', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('due_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('clock_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('came_from', sa.String(), nullable=True),
    sa.Column('time_left', sa.Integer(), nullable=True),
    sa.Column('pauses', sa.Integer(), nullable=False),
    sa.Column('commission_id', sa.Integer(), nullable=True),
    sa.Column('next_commission_id', sa.Integer(), nullable=True),
    sa.Column('lead_id', sa.Integer(), nullable=True),
    sa.Column('merged_into', sa.Integer(), nullable=True),
    sa.Column('told_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('appeal_until', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('appealed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('evidence_digest', sa.String(), nullable=True),
    sa.Column('withdrawal_asked_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('withdrawal_channel', sa.String(), nullable=True),
    sa.Column('receipt', sa.LargeBinary(), nullable=False),
    sa.Column('receipt_spoken', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint('risk IS NULL OR risk BETWEEN 0 AND 3', name=op.f('ck_case_file_risk_from_0_to_3')),
    sa.ForeignKeyConstraint(['commission_id'], ['commission.id'], name=op.f('fk_case_file_commission_id_commission')),
    sa.ForeignKeyConstraint(['lead_id'], ['account.id'], name=op.f('fk_case_file_lead_id_account')),
    sa.ForeignKeyConstraint(['merged_into'], ['case_file.id'], name=op.f('fk_case_file_merged_into_case_file')),
    sa.ForeignKeyConstraint(['next_commission_id'], ['commission.id'], name=op.f('fk_case_file_next_commission_id_commission')),
    sa.ForeignKeyConstraint(['text_key_id'], ['text_key.id'], name=op.f('fk_case_file_text_key_id_text_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_file')),
    sa.UniqueConstraint('number', name=op.f('uq_case_file_number'))
    )
    with op.batch_alter_table('case_file', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_file_clock_at'), ['clock_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_file_commission_id'), ['commission_id'], unique=False)
        batch_op.create_index('ix_case_file_desk', ['state', 'due_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_file_next_commission_id'), ['next_commission_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_file_place_code'), ['place_code'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_file_received_at'), ['received_at'], unique=False)

    op.create_table('ceremony',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('result_key', sa.LargeBinary(), nullable=False),
    sa.Column('threshold', sa.Integer(), nullable=False),
    sa.Column('trustees', sa.Integer(), nullable=False),
    sa.Column('canvassers', sa.Integer(), nullable=False),
    sa.Column('registered_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('registered_by', sa.Integer(), nullable=False),
    sa.Column('completed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('replaced_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('installed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('rehearsal', 'election')", name=op.f('ck_ceremony_kind')),
    sa.CheckConstraint('canvassers >= 2', name=op.f('ck_ceremony_canvassers')),
    sa.CheckConstraint('threshold BETWEEN 2 AND trustees AND trustees <= 16', name=op.f('ck_ceremony_size')),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_ceremony_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ceremony')),
    sa.UniqueConstraint('public_key', name=op.f('uq_ceremony_public_key'))
    )
    with op.batch_alter_table('ceremony', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ceremony_primary_id'), ['primary_id'], unique=False)

    op.create_table('commission_member',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('commission_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('office', sa.String(), nullable=False),
    sa.Column('since', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('until', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_commission_member_account_id_account')),
    sa.ForeignKeyConstraint(['commission_id'], ['commission.id'], name=op.f('fk_commission_member_commission_id_commission')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_commission_member')),
    sa.UniqueConstraint('commission_id', 'account_id', name='uq_commission_member_seat')
    )
    with op.batch_alter_table('commission_member', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_commission_member_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_commission_member_commission_id'), ['commission_id'], unique=False)

    op.create_table('constituency',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('added_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_constituency_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', 'place_code', name=op.f('pk_constituency'))
    )
    op.create_table('contest_total',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('contest_id', sa.String(), nullable=False),
    sa.Column('blob', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_contest_total_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', 'contest_id', name=op.f('pk_contest_total'))
    )
    op.create_table('count_import',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('result_hmac', sa.LargeBinary(), nullable=False),
    sa.Column('ballots', sa.Integer(), nullable=False),
    sa.Column('imported_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('imported_by', sa.Integer(), nullable=False),
    sa.CheckConstraint("outcome IN ('recorded', 'confirmed')", name=op.f('ck_count_import_outcome')),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_count_import_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_count_import'))
    )
    with op.batch_alter_table('count_import', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_count_import_primary_id'), ['primary_id'], unique=False)

    op.create_table('draft',
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('updated_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_draft_account_id_account')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_draft'))
    )
    op.create_table('exemption_usage',
    sa.Column('exemption_id', sa.Integer(), nullable=False),
    sa.Column('hour_start', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('used', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['exemption_id'], ['address_exemption.id'], name=op.f('fk_exemption_usage_exemption_id_address_exemption')),
    sa.PrimaryKeyConstraint('exemption_id', 'hour_start', name=op.f('pk_exemption_usage')),
    sqlite_with_rowid=False
    )
    op.create_table('freeze_act',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('freeze_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('author_id', sa.Integer(), nullable=True),
    sa.Column('second_id', sa.Integer(), nullable=True),
    sa.Column('starts_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('ends_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('frozen', 'extended', 'shifted', 'lifted')", name=op.f('ck_freeze_act_kind')),
    sa.ForeignKeyConstraint(['freeze_id'], ['admission_freeze.id'], name=op.f('fk_freeze_act_freeze_id_admission_freeze')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_freeze_act'))
    )
    with op.batch_alter_table('freeze_act', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_freeze_act_freeze_id'), ['freeze_id'], unique=False)

    op.create_table('membership_act',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('decision', sa.String(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('author_id', sa.Integer(), nullable=False),
    sa.Column('during_freeze', sa.Boolean(), nullable=False),
    sa.CheckConstraint("kind IN ('admitted', 'restored', 'annulled')", name=op.f('ck_membership_act_kind')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_membership_act_member_id_member')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_membership_act'))
    )
    with op.batch_alter_table('membership_act', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_membership_act_at'), ['at'], unique=False)
        batch_op.create_index(batch_op.f('ix_membership_act_member_id'), ['member_id'], unique=False)

    op.create_table('proposal',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('payload', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('proposed_by', sa.Integer(), nullable=False),
    sa.Column('proposed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('confirmed_by', sa.Integer(), nullable=True),
    sa.Column('confirmed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('withdrawn_by', sa.Integer(), nullable=True),
    sa.Column('withdrawn_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['confirmed_by'], ['account.id'], name=op.f('fk_proposal_confirmed_by_account')),
    sa.ForeignKeyConstraint(['proposed_by'], ['account.id'], name=op.f('fk_proposal_proposed_by_account')),
    sa.ForeignKeyConstraint(['withdrawn_by'], ['account.id'], name=op.f('fk_proposal_withdrawn_by_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_proposal'))
    )
    with op.batch_alter_table('proposal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_proposal_kind'), ['kind'], unique=False)

    op.create_table('readiness_act',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('signed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('signed_by', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_readiness_act_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', name=op.f('pk_readiness_act'))
    )
    op.create_table('readiness_mark',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('item', sa.String(), nullable=False),
    sa.Column('evidence', sa.String(), nullable=False),
    sa.Column('marked_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('marked_by', sa.Integer(), nullable=False),
    sa.CheckConstraint("item IN ('timeline_complete', 'contests_exist', 'contests_have_candidates', 'roll_sealed', 'digest_key_matches', 'key_backup_tested', 'ceremony_rehearsed', 'election_key_installed')", name=op.f('ck_readiness_mark_item')),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_readiness_mark_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', 'item', name=op.f('pk_readiness_mark'))
    )
    op.create_table('recovery_code',
    sa.Column('code_hmac', sa.LargeBinary(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('used_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_recovery_code_account_id_account')),
    sa.PrimaryKeyConstraint('code_hmac', name=op.f('pk_recovery_code'))
    )
    with op.batch_alter_table('recovery_code', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_recovery_code_account_id'), ['account_id'], unique=False)

    op.create_table('results_bundle',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('blob', sa.LargeBinary(), nullable=False),
    sa.Column('built_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_results_bundle_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', name=op.f('pk_results_bundle'))
    )
    op.create_table('role_grant',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=True),
    sa.Column('office', sa.String(), nullable=True),
    sa.Column('branch', sa.String(), nullable=True),
    sa.Column('granted_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('granted_by', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_role_grant_account_id_account')),
    sa.ForeignKeyConstraint(['granted_by'], ['account.id'], name=op.f('fk_role_grant_granted_by_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_role_grant'))
    )
    with op.batch_alter_table('role_grant', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_role_grant_account_id'), ['account_id'], unique=False)

    op.create_table('roll_change',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('decision', sa.String(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('author_id', sa.Integer(), nullable=False),
    sa.Column('confirmed_by', sa.Integer(), nullable=True),
    sa.CheckConstraint("kind IN ('added', 'suspended', 'restored', 'number_changed')", name=op.f('ck_roll_change_kind')),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_roll_change_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_roll_change'))
    )
    with op.batch_alter_table('roll_change', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_roll_change_primary_id'), ['primary_id'], unique=False)

    op.create_table('roll_count',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('voters', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_roll_count_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', 'place_code', name=op.f('pk_roll_count'))
    )
    op.create_table('roll_seal',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('voters', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('admitted_after_cutoff', sa.Integer(), nullable=False),
    sa.Column('under_age', sa.Integer(), nullable=False),
    sa.Column('shared_numbers', sa.Integer(), nullable=False),
    sa.Column('members_on_shared_numbers', sa.Integer(), nullable=False),
    sa.Column('last_admitted', sa.Date(), nullable=False),
    sa.Column('age_day', sa.Date(), nullable=False),
    sa.Column('sealed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('sealed_by', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_roll_seal_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', name=op.f('pk_roll_seal'))
    )
    op.create_table('sealed_export',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('contests', sa.Integer(), nullable=False),
    sa.Column('ballots', sa.Integer(), nullable=False),
    sa.Column('ballots_by_contest', sa.JSON(), nullable=False),
    sa.Column('exported_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('exported_by', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_sealed_export_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', name=op.f('pk_sealed_export'))
    )
    op.create_table('sign_in_ticket',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('ticket_hash', sa.LargeBinary(), nullable=False),
    sa.Column('browser_hash', sa.LargeBinary(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('read_only', sa.Boolean(), nullable=False),
    sa.Column('expires_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('redeemed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_sign_in_ticket_account_id_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_ticket')),
    sa.UniqueConstraint('ticket_hash', name=op.f('uq_sign_in_ticket_ticket_hash'))
    )
    with op.batch_alter_table('sign_in_ticket', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sign_in_ticket_expires_at'), ['expires_at'], unique=False)

    op.create_table('staff_session',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('last_active_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('read_only', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_staff_session_account_id_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff_session')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_staff_session_token_hash'))
    )
    with op.batch_alter_table('staff_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_session_account_id'), ['account_id'], unique=False)

    op.create_table('timeline_act',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('cutoff', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('freeze_start', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('freeze_end', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('roll_sealed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('voting_opens', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('voting_closes', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('publication', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('author_id', sa.Integer(), nullable=False),
    sa.Column('confirmed_by', sa.Integer(), nullable=True),
    sa.CheckConstraint("kind IN ('set', 'changed', 'voting_extended', 'publication_postponed', 'publication_brought_forward')", name=op.f('ck_timeline_act_kind')),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_timeline_act_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_timeline_act'))
    )
    with op.batch_alter_table('timeline_act', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_timeline_act_primary_id'), ['primary_id'], unique=False)

    op.create_table('case_access',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('part', sa.String(), nullable=False),
    sa.Column('reason', sa.LargeBinary(), nullable=True),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_case_access_account_id_account')),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_case_access_case_id_case_file')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_access'))
    )
    with op.batch_alter_table('case_access', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_access_case_id'), ['case_id'], unique=False)

    op.create_table('case_move',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('move', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=True),
    sa.Column('target', sa.String(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.Column('second_id', sa.Integer(), nullable=True),
    sa.Column('commission_id', sa.Integer(), nullable=True),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('particulars', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_case_move_account_id_account')),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_case_move_case_id_case_file')),
    sa.ForeignKeyConstraint(['commission_id'], ['commission.id'], name=op.f('fk_case_move_commission_id_commission')),
    sa.ForeignKeyConstraint(['second_id'], ['account.id'], name=op.f('fk_case_move_second_id_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_move'))
    )
    with op.batch_alter_table('case_move', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_move_case_id'), ['case_id'], unique=False)

    op.create_table('complainant',
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.LargeBinary(), nullable=True),
    sa.Column('phone', sa.LargeBinary(), nullable=True),
    sa.Column('email', sa.LargeBinary(), nullable=True),
    sa.Column('reach', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_complainant_case_id_case_file')),
    sa.PrimaryKeyConstraint('case_id', name=op.f('pk_complainant'))
    )
    op.create_table('conflict_declaration',
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('in_conflict', sa.Boolean(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_conflict_declaration_account_id_account')),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_conflict_declaration_case_id_case_file')),
    sa.PrimaryKeyConstraint('case_id', 'account_id', name=op.f('pk_conflict_declaration'))
    )
    with op.batch_alter_table('conflict_declaration', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_conflict_declaration_account_id'), ['account_id'], unique=False)

    op.create_table('contact',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=True),
    sa.Column('text_key_id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('wrap_up', sa.String(), nullable=False),
    sa.Column('category', sa.String(), nullable=True),
    sa.Column('place_code', sa.String(), nullable=True),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.Column('caller', sa.LargeBinary(), nullable=True),
    sa.Column('caller_digest', sa.LargeBinary(), nullable=True),
    sa.Column('story', sa.LargeBinary(), nullable=False),
    sa.Column('idempotency', sa.LargeBinary(), nullable=True),
    sa.Column('body_digest', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_contact_account_id_account')),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_contact_case_id_case_file')),
    sa.ForeignKeyConstraint(['text_key_id'], ['text_key.id'], name=op.f('fk_contact_text_key_id_text_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact')),
    sa.UniqueConstraint('idempotency', name=op.f('uq_contact_idempotency'))
    )
    with op.batch_alter_table('contact', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contact_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_contact_at'), ['at'], unique=False)
        batch_op.create_index(batch_op.f('ix_contact_caller_digest'), ['caller_digest'], unique=False)
        batch_op.create_index(batch_op.f('ix_contact_case_id'), ['case_id'], unique=False)

    op.create_table('contest',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('title_ru', sa.String(), nullable=False),
    sa.Column('title_kk', sa.String(), nullable=False),
    sa.Column('title_en', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=True),
    sa.Column('seats', sa.Integer(), nullable=False),
    sa.Column('max_choices', sa.Integer(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.CheckConstraint('max_choices >= 1', name=op.f('ck_contest_max_choices')),
    sa.CheckConstraint('seats >= 1', name=op.f('ck_contest_seats')),
    sa.ForeignKeyConstraint(['primary_id', 'place_code'], ['constituency.primary_id', 'constituency.place_code'], name='fk_contest_constituency'),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_contest_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', 'id', name=op.f('pk_contest'))
    )
    op.create_table('deadline',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('started_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('due_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('ended_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_deadline_case_id_case_file')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deadline'))
    )
    with op.batch_alter_table('deadline', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_deadline_case_id'), ['case_id'], unique=False)

    op.create_table('decision',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('commission_id', sa.Integer(), nullable=False),
    sa.Column('finding', sa.String(), nullable=False),
    sa.Column('grounds', sa.LargeBinary(), nullable=False),
    sa.Column('chair_id', sa.Integer(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_decision_case_id_case_file')),
    sa.ForeignKeyConstraint(['chair_id'], ['account.id'], name=op.f('fk_decision_chair_id_account')),
    sa.ForeignKeyConstraint(['commission_id'], ['commission.id'], name=op.f('fk_decision_commission_id_commission')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_decision'))
    )
    with op.batch_alter_table('decision', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_decision_case_id'), ['case_id'], unique=False)

    op.create_table('note',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_note_account_id_account')),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_note_case_id_case_file')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_note'))
    )
    with op.batch_alter_table('note', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_note_case_id'), ['case_id'], unique=False)

    op.create_table('pending_move',
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('move', sa.String(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('particulars', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_pending_move_account_id_account')),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_pending_move_case_id_case_file')),
    sa.PrimaryKeyConstraint('case_id', name=op.f('pk_pending_move'))
    )
    op.create_table('recorded_count',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('count_import_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['count_import_id'], ['count_import.id'], name=op.f('fk_recorded_count_count_import_id_count_import')),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_recorded_count_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', name=op.f('pk_recorded_count')),
    sa.UniqueConstraint('count_import_id', name=op.f('uq_recorded_count_count_import_id'))
    )
    op.create_table('respondent',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.LargeBinary(), nullable=False),
    sa.Column('position', sa.LargeBinary(), nullable=True),
    sa.Column('branch', sa.LargeBinary(), nullable=True),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('central', sa.Boolean(), nullable=False),
    sa.Column('heard_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('added_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_respondent_case_id_case_file')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_respondent'))
    )
    with op.batch_alter_table('respondent', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_respondent_case_id'), ['case_id'], unique=False)

    op.create_table('trustee_share',
    sa.Column('ceremony_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('fingerprint', sa.String(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.Column('confirmed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_trustee_share_account_id_account')),
    sa.ForeignKeyConstraint(['ceremony_id'], ['ceremony.id'], name=op.f('fk_trustee_share_ceremony_id_ceremony')),
    sa.PrimaryKeyConstraint('ceremony_id', 'number', name=op.f('pk_trustee_share')),
    sa.UniqueConstraint('ceremony_id', 'account_id', name='uq_trustee_share_account'),
    sa.UniqueConstraint('ceremony_id', 'fingerprint', name='uq_trustee_share_fingerprint')
    )
    op.create_table('candidate',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('contest_id', sa.String(), nullable=False),
    sa.Column('identity', sa.String(), nullable=False),
    sa.Column('last_name', sa.String(), nullable=False),
    sa.Column('first_name', sa.String(), nullable=False),
    sa.Column('middle_name', sa.String(), nullable=False),
    sa.Column('search', sa.String(), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=False),
    sa.Column('sex', sa.String(), nullable=False),
    sa.Column('nominated_by', sa.String(), nullable=False),
    sa.Column('mobile', sa.String(), nullable=True),
    sa.Column('email', sa.String(), nullable=True),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('decision', sa.String(), nullable=True),
    sa.Column('cancelled_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint("sex IN ('female', 'male')", name=op.f('ck_candidate_sex')),
    sa.CheckConstraint("status IN ('registered', 'cancelled')", name=op.f('ck_candidate_status')),
    sa.CheckConstraint('length(id) = 8', name=op.f('ck_candidate_id_length')),
    sa.ForeignKeyConstraint(['primary_id', 'contest_id'], ['contest.primary_id', 'contest.id'], name='fk_candidate_contest'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_candidate')),
    sa.UniqueConstraint('primary_id', 'contest_id', 'identity', name='uq_candidate_identity')
    )
    op.create_table('decision_vote',
    sa.Column('decision_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('ballot', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_decision_vote_account_id_account')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_decision_vote_decision_id_decision')),
    sa.PrimaryKeyConstraint('decision_id', 'account_id', name=op.f('pk_decision_vote'))
    )
    op.create_table('remedy',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('decision_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=True),
    sa.Column('description', sa.LargeBinary(), nullable=True),
    sa.Column('owner', sa.LargeBinary(), nullable=True),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('done_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('given_up_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_remedy_case_id_case_file')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_remedy_decision_id_decision')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_remedy'))
    )
    with op.batch_alter_table('remedy', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_remedy_case_id'), ['case_id'], unique=False)

    op.create_table('respondent_key',
    sa.Column('respondent_id', sa.Integer(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_respondent_key_case_id_case_file')),
    sa.ForeignKeyConstraint(['respondent_id'], ['respondent.id'], name=op.f('fk_respondent_key_respondent_id_respondent')),
    sa.PrimaryKeyConstraint('respondent_id', 'digest', name=op.f('pk_respondent_key'))
    )
    with op.batch_alter_table('respondent_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_respondent_key_case_id'), ['case_id'], unique=False)
        batch_op.create_index('ix_respondent_key_digest_case', ['digest', 'case_id'], unique=False)



def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table('respondent_key', schema=None) as batch_op:
        batch_op.drop_index('ix_respondent_key_digest_case')
        batch_op.drop_index(batch_op.f('ix_respondent_key_case_id'))

    op.drop_table('respondent_key')
    with op.batch_alter_table('remedy', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_remedy_case_id'))

    op.drop_table('remedy')
    op.drop_table('decision_vote')
    op.drop_table('candidate')
    op.drop_table('trustee_share')
    with op.batch_alter_table('respondent', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_respondent_case_id'))

    op.drop_table('respondent')
    op.drop_table('recorded_count')
    op.drop_table('pending_move')
    with op.batch_alter_table('note', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_note_case_id'))

    op.drop_table('note')
    with op.batch_alter_table('decision', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_decision_case_id'))

    op.drop_table('decision')
    with op.batch_alter_table('deadline', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_deadline_case_id'))

    op.drop_table('deadline')
    op.drop_table('contest')
    with op.batch_alter_table('contact', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_contact_case_id'))
        batch_op.drop_index(batch_op.f('ix_contact_caller_digest'))
        batch_op.drop_index(batch_op.f('ix_contact_at'))
        batch_op.drop_index(batch_op.f('ix_contact_account_id'))

    op.drop_table('contact')
    with op.batch_alter_table('conflict_declaration', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_conflict_declaration_account_id'))

    op.drop_table('conflict_declaration')
    op.drop_table('complainant')
    with op.batch_alter_table('case_move', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_move_case_id'))

    op.drop_table('case_move')
    with op.batch_alter_table('case_access', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_access_case_id'))

    op.drop_table('case_access')
    with op.batch_alter_table('timeline_act', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_timeline_act_primary_id'))

    op.drop_table('timeline_act')
    with op.batch_alter_table('staff_session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_staff_session_account_id'))

    op.drop_table('staff_session')
    with op.batch_alter_table('sign_in_ticket', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sign_in_ticket_expires_at'))

    op.drop_table('sign_in_ticket')
    op.drop_table('sealed_export')
    op.drop_table('roll_seal')
    op.drop_table('roll_count')
    with op.batch_alter_table('roll_change', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_roll_change_primary_id'))

    op.drop_table('roll_change')
    with op.batch_alter_table('role_grant', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_role_grant_account_id'))

    op.drop_table('role_grant')
    op.drop_table('results_bundle')
    with op.batch_alter_table('recovery_code', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_recovery_code_account_id'))

    op.drop_table('recovery_code')
    op.drop_table('readiness_mark')
    op.drop_table('readiness_act')
    with op.batch_alter_table('proposal', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_proposal_kind'))

    op.drop_table('proposal')
    with op.batch_alter_table('membership_act', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_membership_act_member_id'))
        batch_op.drop_index(batch_op.f('ix_membership_act_at'))

    op.drop_table('membership_act')
    with op.batch_alter_table('freeze_act', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_freeze_act_freeze_id'))

    op.drop_table('freeze_act')
    op.drop_table('exemption_usage')
    op.drop_table('draft')
    with op.batch_alter_table('count_import', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_count_import_primary_id'))

    op.drop_table('count_import')
    op.drop_table('contest_total')
    op.drop_table('constituency')
    with op.batch_alter_table('commission_member', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_commission_member_commission_id'))
        batch_op.drop_index(batch_op.f('ix_commission_member_account_id'))

    op.drop_table('commission_member')
    with op.batch_alter_table('ceremony', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_ceremony_primary_id'))

    op.drop_table('ceremony')
    with op.batch_alter_table('case_file', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_file_received_at'))
        batch_op.drop_index(batch_op.f('ix_case_file_place_code'))
        batch_op.drop_index(batch_op.f('ix_case_file_next_commission_id'))
        batch_op.drop_index('ix_case_file_desk')
        batch_op.drop_index(batch_op.f('ix_case_file_commission_id'))
        batch_op.drop_index(batch_op.f('ix_case_file_clock_at'))

    op.drop_table('case_file')
    op.drop_table('canvass_signature')
    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.drop_index('uq_application_waiting', sqlite_where=sa.text("status = 'waiting'"), postgresql_where=sa.text("status = 'waiting'"))
        batch_op.drop_index('ix_application_status_place')

    op.drop_table('application')
    with op.batch_alter_table('account_making', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_account_making_maker_id'))
        batch_op.drop_index(batch_op.f('ix_account_making_account_id'))

    op.drop_table('account_making')
    op.drop_table('account_identity')
    with op.batch_alter_table('voting_session', schema=None) as batch_op:
        batch_op.drop_index('ix_voting_session_expires_at')

    op.drop_table('voting_session')
    op.drop_table('voter')
    op.drop_table('turnout_counter')
    op.drop_table('text_key')
    op.drop_table('staff_fact')
    with op.batch_alter_table('sign_in_challenge', schema=None) as batch_op:
        batch_op.drop_index('ix_sign_in_challenge_reference')
        batch_op.drop_index('ix_sign_in_challenge_expires_at')

    op.drop_table('sign_in_challenge')
    op.drop_table('rejection_counter')
    with op.batch_alter_table('rejection', schema=None) as batch_op:
        batch_op.drop_index('ix_rejection_primary_id_id')

    op.drop_table('rejection')
    op.drop_table('registration')
    op.drop_table('registered_counter')
    op.drop_table('primary_election')
    with op.batch_alter_table('outbox_message', schema=None) as batch_op:
        batch_op.drop_index('ix_outbox_message_waiting', sqlite_where=sa.text("state IN ('queued', 'sending')"), postgresql_where=sa.text("state IN ('queued', 'sending')"))

    op.drop_table('outbox_message')
    with op.batch_alter_table('member', schema=None) as batch_op:
        batch_op.drop_index('ix_member_search')
        batch_op.drop_index('ix_member_place_search')
        batch_op.drop_index(batch_op.f('ix_member_mobile'))
        batch_op.drop_index(batch_op.f('ix_member_admitted_on'))

    op.drop_table('member')
    op.drop_table('lockout')
    op.drop_table('import_run')
    with op.batch_alter_table('desk_attempt', schema=None) as batch_op:
        batch_op.drop_index('ix_desk_attempt_subject')
        batch_op.drop_index(batch_op.f('ix_desk_attempt_at'))

    op.drop_table('desk_attempt')
    with op.batch_alter_table('commission', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_commission_place_code'))

    op.drop_table('commission')
    op.drop_table('claim')
    op.drop_table('ballot')
    op.drop_table('audit_signed_head')
    op.drop_table('audit_head')
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_audit_entry_subject'))
        batch_op.drop_index(batch_op.f('ix_audit_entry_at'))
        batch_op.drop_index(batch_op.f('ix_audit_entry_act'))
        batch_op.drop_index(batch_op.f('ix_audit_entry_account_id'))

    op.drop_table('audit_entry')
    with op.batch_alter_table('admission_freeze', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_admission_freeze_starts_at'))
        batch_op.drop_index(batch_op.f('ix_admission_freeze_ends_at'))

    op.drop_table('admission_freeze')
    op.drop_table('admission_floor')
    with op.batch_alter_table('address_exemption', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_address_exemption_primary_id'))

    op.drop_table('address_exemption')
    op.drop_table('account')
