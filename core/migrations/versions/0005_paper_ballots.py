"""Polling places: paper lists, marks, releases, protocols

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Polling places: paper lists, marks, releases, protocols"""
    op.create_table('polling_place',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name_ru', sa.String(), nullable=False),
    sa.Column('name_kk', sa.String(), nullable=False),
    sa.Column('name_en', sa.String(), nullable=False),
    sa.Column('place_code', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('opens', sa.Time(), nullable=False),
    sa.Column('closes', sa.Time(), nullable=False),
    sa.Column('settled_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('connected', 'unconnected')", name=op.f('ck_polling_place_kind')),
    sa.CheckConstraint('closes > opens', name=op.f('ck_polling_place_hours')),
    sa.CheckConstraint('last_day >= first_day', name=op.f('ck_polling_place_days')),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_polling_place_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', 'code', name=op.f('pk_polling_place'))
    )
    with op.batch_alter_table('polling_place', schema=None) as batch_op:
        batch_op.create_index('ix_polling_place_area', ['primary_id', 'place_code'], unique=False)

    op.create_table('clerk_post',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('polling_place', sa.String(), nullable=False),
    sa.Column('assigned_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('assigned_by', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_clerk_post_account_id_account')),
    sa.ForeignKeyConstraint(['primary_id', 'polling_place'], ['polling_place.primary_id', 'polling_place.code'], name='fk_clerk_post_polling_place'),
    sa.PrimaryKeyConstraint('primary_id', 'account_id', name=op.f('pk_clerk_post'))
    )
    with op.batch_alter_table('clerk_post', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_clerk_post_polling_place'), ['polling_place'], unique=False)

    op.create_table('paper_list',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('polling_place', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=True),
    sa.Column('proposed_by', sa.Integer(), nullable=True),
    sa.Column('confirmed_by', sa.Integer(), nullable=True),
    sa.Column('fixed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.Column('came', sa.Integer(), nullable=True),
    sa.CheckConstraint('people >= 0 AND came BETWEEN 0 AND people', name=op.f('ck_paper_list_came')),
    sa.CheckConstraint('(fixed_at IS NULL AND digest IS NULL AND confirmed_by IS NULL) OR (fixed_at IS NOT NULL AND digest IS NOT NULL AND confirmed_by IS NOT NULL)', name=op.f('ck_paper_list_fixed')),
    sa.ForeignKeyConstraint(['primary_id', 'polling_place'], ['polling_place.primary_id', 'polling_place.code'], name='fk_paper_list_polling_place'),
    sa.PrimaryKeyConstraint('primary_id', 'polling_place', name=op.f('pk_paper_list'))
    )
    op.create_table('paper_list_row',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('polling_place', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=True),
    sa.Column('released_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['primary_id', 'polling_place'], ['polling_place.primary_id', 'polling_place.code'], name='fk_paper_list_row_polling_place'),
    sa.PrimaryKeyConstraint('primary_id', 'iin_digest', name=op.f('pk_paper_list_row')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('paper_list_row', schema=None) as batch_op:
        batch_op.create_index('ix_paper_list_row_number', ['primary_id', 'polling_place', 'number'], unique=False)

    op.create_table('paper_look_up',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('polling_place', sa.String(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('iin_masked', sa.String(), nullable=False),
    sa.Column('answer', sa.String(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.String(), nullable=True),
    sa.Column('pressed_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint("answer IN ('belongs_here', 'not_on_roll', 'belongs_elsewhere', 'on_paper_list', 'marked', 'marked_here_before', 'marked_elsewhere', 'voted_online')", name=op.f('ck_paper_look_up_answer')),
    sa.CheckConstraint("outcome IN ('belongs_here', 'not_on_roll', 'belongs_elsewhere', 'on_paper_list', 'marked', 'marked_here_before', 'marked_elsewhere', 'voted_online')", name=op.f('ck_paper_look_up_outcome')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_paper_look_up_account_id_account')),
    sa.ForeignKeyConstraint(['primary_id', 'polling_place'], ['polling_place.primary_id', 'polling_place.code'], name='fk_paper_look_up_polling_place'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_paper_look_up'))
    )
    with op.batch_alter_table('paper_look_up', schema=None) as batch_op:
        batch_op.create_index('ix_paper_look_up_clerk', ['account_id', 'at'], unique=False)

    op.create_table('paper_release',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('polling_place', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('ground', sa.String(), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('proposed_by', sa.Integer(), nullable=False),
    sa.Column('confirmed_by', sa.Integer(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("ground IN ('will_vote_online', 'moved_away', 'listed_by_mistake', 'wrong_person', 'nothing_handed_out', 'ballots_given_back')", name=op.f('ck_paper_release_ground')),
    sa.CheckConstraint("kind IN ('released_from_list', 'mark_undone')", name=op.f('ck_paper_release_kind')),
    sa.ForeignKeyConstraint(['primary_id', 'polling_place'], ['polling_place.primary_id', 'polling_place.code'], name='fk_paper_release_polling_place'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_paper_release'))
    )
    with op.batch_alter_table('paper_release', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_paper_release_primary_id'), ['primary_id'], unique=False)

    op.create_table('protocol_entry',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('polling_place', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('locked', sa.LargeBinary(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('entered_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_protocol_entry_account_id_account')),
    sa.ForeignKeyConstraint(['primary_id', 'polling_place'], ['polling_place.primary_id', 'polling_place.code'], name='fk_protocol_entry_polling_place'),
    sa.PrimaryKeyConstraint('primary_id', 'polling_place', name=op.f('pk_protocol_entry'))
    )
    op.create_table('protocol_waiver',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('polling_place', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('proposed_by', sa.Integer(), nullable=False),
    sa.Column('confirmed_by', sa.Integer(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['primary_id', 'polling_place'], ['polling_place.primary_id', 'polling_place.code'], name='fk_protocol_waiver_polling_place'),
    sa.PrimaryKeyConstraint('primary_id', 'polling_place', name=op.f('pk_protocol_waiver'))
    )
    op.create_table('sealed_protocol',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('polling_place', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('issued', sa.Integer(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('entered_by', sa.Integer(), nullable=False),
    sa.Column('entered_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('checked_by', sa.Integer(), nullable=False),
    sa.Column('sealed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('entered_by <> checked_by', name=op.f('ck_sealed_protocol_two_people')),
    sa.CheckConstraint('version >= 1', name=op.f('ck_sealed_protocol_version')),
    sa.ForeignKeyConstraint(['checked_by'], ['account.id'], name=op.f('fk_sealed_protocol_checked_by_account')),
    sa.ForeignKeyConstraint(['entered_by'], ['account.id'], name=op.f('fk_sealed_protocol_entered_by_account')),
    sa.ForeignKeyConstraint(['primary_id', 'polling_place'], ['polling_place.primary_id', 'polling_place.code'], name='fk_sealed_protocol_polling_place'),
    sa.PrimaryKeyConstraint('primary_id', 'polling_place', 'version', name=op.f('pk_sealed_protocol'))
    )
    op.create_table('paper_mark',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('iin_digest', sa.LargeBinary(), nullable=False),
    sa.Column('polling_place', sa.String(), nullable=False),
    sa.Column('look_up_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_paper_mark_account_id_account')),
    sa.ForeignKeyConstraint(['look_up_id'], ['paper_look_up.id'], name=op.f('fk_paper_mark_look_up_id_paper_look_up')),
    sa.ForeignKeyConstraint(['primary_id', 'polling_place'], ['polling_place.primary_id', 'polling_place.code'], name='fk_paper_mark_polling_place'),
    sa.PrimaryKeyConstraint('primary_id', 'iin_digest', name=op.f('pk_paper_mark')),
    sa.UniqueConstraint('look_up_id', name=op.f('uq_paper_mark_look_up_id')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('paper_mark', schema=None) as batch_op:
        batch_op.create_index('ix_paper_mark_polling_place', ['primary_id', 'polling_place', 'at'], unique=False)

    with op.batch_alter_table('sealed_export', schema=None) as batch_op:
        batch_op.add_column(sa.Column('protocols', sa.JSON(), server_default='{}', nullable=False))


def downgrade() -> None:
    """Undo"""
    with op.batch_alter_table('sealed_export', schema=None) as batch_op:
        batch_op.drop_column('protocols')

    with op.batch_alter_table('paper_mark', schema=None) as batch_op:
        batch_op.drop_index('ix_paper_mark_polling_place')

    op.drop_table('paper_mark')
    op.drop_table('sealed_protocol')
    op.drop_table('protocol_waiver')
    op.drop_table('protocol_entry')
    with op.batch_alter_table('paper_release', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_paper_release_primary_id'))

    op.drop_table('paper_release')
    with op.batch_alter_table('paper_look_up', schema=None) as batch_op:
        batch_op.drop_index('ix_paper_look_up_clerk')

    op.drop_table('paper_look_up')
    with op.batch_alter_table('paper_list_row', schema=None) as batch_op:
        batch_op.drop_index('ix_paper_list_row_number')

    op.drop_table('paper_list_row')
    op.drop_table('paper_list')
    with op.batch_alter_table('clerk_post', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_clerk_post_polling_place'))

    op.drop_table('clerk_post')
    with op.batch_alter_table('polling_place', schema=None) as batch_op:
        batch_op.drop_index('ix_polling_place_area')

    op.drop_table('polling_place')
