"""The search of cases

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The search of cases"""
    op.create_table('case_word',
    sa.Column('word', sa.BigInteger(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['case_file.id'], name=op.f('fk_case_word_case_id_case_file')),
    sa.PrimaryKeyConstraint('word', 'case_id', name=op.f('pk_case_word')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('case_word', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_word_case_id'), ['case_id'], unique=False)


def downgrade() -> None:
    """Undo"""
    with op.batch_alter_table('case_word', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_word_case_id'))

    op.drop_table('case_word')
