"""Incoming mail

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Incoming mail"""
    op.create_table('mailbox',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('tried_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('fetched_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('fetched', sa.Integer(), nullable=False),
    sa.Column('fault', sa.String(), nullable=True),
    sa.Column('holder', sa.String(), nullable=True),
    sa.Column('held_until', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_mailbox'))
    )
    op.create_table('answered_mail',
    sa.Column('message_digest', sa.LargeBinary(), nullable=False),
    sa.Column('contact_id', sa.Integer(), nullable=False),
    sa.Column('recipient_digest', sa.LargeBinary(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_answered_mail_contact_id_contact')),
    sa.PrimaryKeyConstraint('message_digest', name=op.f('pk_answered_mail'))
    )
    with op.batch_alter_table('answered_mail', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_answered_mail_contact_id'), ['contact_id'], unique=False)

    op.create_table('incoming_mail',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('fingerprint', sa.LargeBinary(), nullable=False),
    sa.Column('text_key_id', sa.Integer(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('arrived_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('fate', sa.String(), nullable=False),
    sa.Column('contact_id', sa.Integer(), nullable=True),
    sa.Column('message_digest', sa.LargeBinary(), nullable=True),
    sa.Column('sender_digest', sa.LargeBinary(), nullable=True),
    sa.Column('language', sa.String(), nullable=True),
    sa.Column('marks', sa.String(), nullable=False),
    sa.Column('tie', sa.String(), nullable=True),
    sa.Column('tied_case_id', sa.Integer(), nullable=True),
    sa.Column('read_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('fault', sa.String(), nullable=True),
    sa.Column('decided_by', sa.Integer(), nullable=True),
    sa.Column('decided_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint("fate IN ('waiting', 'to_sort', 'new_case', 'added_to_case', 'automatic', 'not_for_us', 'spam', 'quarantined', 'discarded')", name=op.f('ck_incoming_mail_fate')),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_incoming_mail_contact_id_contact')),
    sa.ForeignKeyConstraint(['decided_by'], ['account.id'], name=op.f('fk_incoming_mail_decided_by_account')),
    sa.ForeignKeyConstraint(['text_key_id'], ['text_key.id'], name=op.f('fk_incoming_mail_text_key_id_text_key')),
    sa.ForeignKeyConstraint(['tied_case_id'], ['case_file.id'], name=op.f('fk_incoming_mail_tied_case_id_case_file')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incoming_mail')),
    sa.UniqueConstraint('contact_id', name=op.f('uq_incoming_mail_contact_id')),
    sa.UniqueConstraint('fingerprint', name=op.f('uq_incoming_mail_fingerprint'))
    )
    with op.batch_alter_table('incoming_mail', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_incoming_mail_arrived_at'), ['arrived_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_incoming_mail_message_digest'), ['message_digest'], unique=False)
        batch_op.create_index('ix_incoming_mail_sender', ['sender_digest', 'arrived_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_incoming_mail_text_key_id'), ['text_key_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_incoming_mail_tied_case_id'), ['tied_case_id'], unique=False)
        batch_op.create_index('ix_incoming_mail_unsorted', ['fate', 'id'], unique=False, sqlite_where=sa.text("fate IN ('to_sort', 'quarantined', 'waiting')"), postgresql_where=sa.text("fate IN ('to_sort', 'quarantined', 'waiting')"))

    op.create_table('mail_piece',
    sa.Column('mail_id', sa.Integer(), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['mail_id'], ['incoming_mail.id'], name=op.f('fk_mail_piece_mail_id_incoming_mail')),
    sa.PrimaryKeyConstraint('mail_id', 'ordinal', name=op.f('pk_mail_piece'))
    )
    with op.batch_alter_table('contact', schema=None) as batch_op:
        batch_op.add_column(sa.Column('quoted', sa.LargeBinary(), nullable=True))



def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table('contact', schema=None) as batch_op:
        batch_op.drop_column('quoted')

    op.drop_table('mail_piece')
    with op.batch_alter_table('incoming_mail', schema=None) as batch_op:
        batch_op.drop_index('ix_incoming_mail_unsorted', sqlite_where=sa.text("fate IN ('to_sort', 'quarantined', 'waiting')"), postgresql_where=sa.text("fate IN ('to_sort', 'quarantined', 'waiting')"))
        batch_op.drop_index(batch_op.f('ix_incoming_mail_tied_case_id'))
        batch_op.drop_index(batch_op.f('ix_incoming_mail_text_key_id'))
        batch_op.drop_index('ix_incoming_mail_sender')
        batch_op.drop_index(batch_op.f('ix_incoming_mail_message_digest'))
        batch_op.drop_index(batch_op.f('ix_incoming_mail_arrived_at'))

    op.drop_table('incoming_mail')
    with op.batch_alter_table('answered_mail', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_answered_mail_contact_id'))

    op.drop_table('answered_mail')
    op.drop_table('mailbox')
