"""Candidate pages: photo, programme, links

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

import core.database

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Candidate pages: photo, programme, links"""
    op.create_table('candidate_photo',
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('small', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('length(digest) = 64', name=op.f('ck_candidate_photo_digest_length')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_candidate_photo'))
    )
    op.create_table('candidate_page',
    sa.Column('candidate_id', sa.String(), nullable=False),
    sa.Column('programme_ru', sa.String(), nullable=False),
    sa.Column('programme_kk', sa.String(), nullable=False),
    sa.Column('programme_en', sa.String(), nullable=False),
    sa.Column('links', sa.JSON(), nullable=False),
    sa.Column('photo', sa.String(), nullable=True),
    sa.Column('changed_at', core.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('changed_by', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['candidate_id'], ['candidate.id'], name=op.f('fk_candidate_page_candidate_id_candidate')),
    sa.ForeignKeyConstraint(['photo'], ['candidate_photo.digest'], name=op.f('fk_candidate_page_photo_candidate_photo')),
    sa.PrimaryKeyConstraint('candidate_id', name=op.f('pk_candidate_page'))
    )
    with op.batch_alter_table('candidate_page', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_candidate_page_photo'), ['photo'], unique=False)


def downgrade() -> None:
    """Undo"""
    op.drop_table('candidate_page')
    op.drop_table('candidate_photo')
