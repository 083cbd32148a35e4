"""The public board: leaves and signed tree heads

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The public board: leaves and signed tree heads"""
    op.create_table('board_head',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('contest_id', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('root', sa.LargeBinary(), nullable=False),
    sa.Column('at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('is_final', sa.Boolean(), nullable=False),
    sa.Column('signature', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('number > 0 AND size >= 0', name=op.f('ck_board_head_counts')),
    sa.PrimaryKeyConstraint('primary_id', 'contest_id', 'number', name=op.f('pk_board_head')),
    sqlite_with_rowid=False
    )
    op.create_table('board_leaf',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('contest_id', sa.String(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('primary_id', 'contest_id', 'position', name=op.f('pk_board_leaf')),
    sa.UniqueConstraint('sha256', name='uq_board_leaf_sha256'),
    sqlite_with_rowid=False
    )
    op.create_table('board_node',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('contest_id', sa.String(), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('primary_id', 'contest_id', 'level', 'position', name=op.f('pk_board_node')),
    sqlite_with_rowid=False
    )
    op.create_table('vote_closing',
    sa.Column('primary_id', sa.String(), nullable=False),
    sa.Column('ballots', sa.Integer(), nullable=False),
    sa.Column('completed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('rewritten_at', core.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['primary_id'], ['primary_election.id'], name=op.f('fk_vote_closing_primary_id_primary_election')),
    sa.PrimaryKeyConstraint('primary_id', name=op.f('pk_vote_closing'))
    )


def downgrade() -> None:
    """Undo"""
    op.drop_table('vote_closing')
    op.drop_table('board_node')
    op.drop_table('board_leaf')
    op.drop_table('board_head')
    # What a close has put on the table of claims, so that nobody casts after it.
    if op.get_bind().dialect.name == 'sqlite':
        op.execute('DROP TRIGGER IF EXISTS claim_after_close')
    else:
        op.execute('DROP FUNCTION IF EXISTS refuse_claim_after_close() CASCADE')
