"""Substitutes, challenges, holidays and reminders

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Substitutes, challenges, holidays and reminders"""
    op.create_table('calendar_day',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_calendar_day_account_id_account')),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_calendar_day'))
    )
    op.create_table('time_limit',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('seconds', sa.Integer(), nullable=False),
    sa.Column('urgent_seconds', sa.Integer(), nullable=True),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('seconds > 0', name=op.f('ck_time_limit_some')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_time_limit_account_id_account')),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_time_limit'))
    )
    op.create_table('case_reminder',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('due_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('sent_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('answered_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_case_reminder_case_id_case_file')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_reminder'))
    )
    with op.batch_alter_table('case_reminder', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_reminder_case_id'), ['case_id'], unique=False)
        batch_op.create_index('ix_case_reminder_waiting', ['sent_at', 'due_at'], unique=False)

    op.create_table('challenge',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('party', sa.String(), nullable=False),
    sa.Column('grounds', sa.LargeBinary(), nullable=False),
    sa.Column('recorded_by', sa.Integer(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('accepted', sa.Boolean(), nullable=True),
    sa.Column('decided_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_challenge_account_id_account')),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_challenge_case_id_case_file')),
    sa.ForeignKeyConstraint(['recorded_by'], ['account.id'], name=op.f('fk_challenge_recorded_by_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_challenge'))
    )
    with op.batch_alter_table('challenge', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_challenge_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_challenge_case_id'), ['case_id'], unique=False)
        batch_op.create_index('uq_challenge_open', ['case_id', 'account_id'], unique=True, sqlite_where=sa.text('decided_at IS NULL'), postgresql_where=sa.text('decided_at IS NULL'))

    op.create_table('challenge_vote',
    sa.Column('challenge_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('accepts', sa.Boolean(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_challenge_vote_account_id_account')),
    sa.ForeignKeyConstraint(['challenge_id'], ['challenge.id'], name=op.f('fk_challenge_vote_challenge_id_challenge')),
    sa.PrimaryKeyConstraint('challenge_id', 'account_id', name=op.f('pk_challenge_vote'))
    )
    with op.batch_alter_table('case_file', schema=None) as batch_op:
        batch_op.add_column(sa.Column('follows', sa.Integer(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_case_file_follows_case_file'), 'case_file', ['follows'], ['id'])

    with op.batch_alter_table('commission_member', schema=None) as batch_op:
        batch_op.add_column(sa.Column('stands_in_for', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('ends_at', core.database.UtcDateTime(timezone=True), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_commission_member_stands_in_for_account'), 'account', ['stands_in_for'], ['id'])



def downgrade() -> None:
    """Undo"""
    with op.batch_alter_table('commission_member', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_commission_member_stands_in_for_account'), type_='foreignkey')
        batch_op.drop_column('ends_at')
        batch_op.drop_column('stands_in_for')

    with op.batch_alter_table('case_file', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_case_file_follows_case_file'), type_='foreignkey')
        batch_op.drop_column('follows')

    op.drop_table('challenge_vote')
    with op.batch_alter_table('challenge', schema=None) as batch_op:
        batch_op.drop_index('uq_challenge_open', sqlite_where=sa.text('decided_at IS NULL'), postgresql_where=sa.text('decided_at IS NULL'))
        batch_op.drop_index(batch_op.f('ix_challenge_case_id'))
        batch_op.drop_index(batch_op.f('ix_challenge_account_id'))

    op.drop_table('challenge')
    with op.batch_alter_table('case_reminder', schema=None) as batch_op:
        batch_op.drop_index('ix_case_reminder_waiting')
        batch_op.drop_index(batch_op.f('ix_case_reminder_case_id'))

    op.drop_table('case_reminder')
    op.drop_table('time_limit')
    op.drop_table('calendar_day')
