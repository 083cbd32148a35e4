"""Tables of the public board and of the close. What stands in them anybody may read.

Nothing here is written by a cast. Leaves come in shuffled batches, some of them long after their
ballot, so that positions and heads tell when a batch was published and no more.
"""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import CheckConstraint, Field, SQLModel, UniqueConstraint

from core.database import UtcDateTime


class BoardLeaf(SQLModel, table=True):
    """A published ballot: its SHA-256 at its position in the log of its contest, counted from 0."""

    __tablename__ = "board_leaf"
    __table_args__ = (
        UniqueConstraint("sha256", name="uq_board_leaf_sha256"),
        {"sqlite_with_rowid": False},
    )

    primary_id: str = Field(primary_key=True)
    contest_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    sha256: bytes = Field(sa_type=LargeBinary)


class BoardNode(SQLModel, table=True):
    """The root of a complete subtree of ``2 ** level`` leaves: written once, never changed.

    Every fourth level is kept, so that a proof reads some hundred rows of any log.
    """

    __tablename__ = "board_node"
    __table_args__ = ({"sqlite_with_rowid": False},)

    primary_id: str = Field(primary_key=True)
    contest_id: str = Field(primary_key=True)
    level: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    hash: bytes = Field(sa_type=LargeBinary)


class BoardHead(SQLModel, table=True):
    """A signed head of the log of a contest. ``number`` decides which of two publishers was first."""

    __tablename__ = "board_head"
    __table_args__ = (
        CheckConstraint("number > 0 AND size >= 0", name="counts"),
        {"sqlite_with_rowid": False},
    )

    primary_id: str = Field(primary_key=True)
    contest_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    size: int
    root: bytes = Field(sa_type=LargeBinary)
    at: datetime = Field(sa_type=UtcDateTime)
    is_final: bool
    signature: bytes = Field(sa_type=LargeBinary)


class VoteClosing(SQLModel, table=True):
    """What the close did: the board completed, then claims and ballots rewritten in another order."""

    __tablename__ = "vote_closing"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    ballots: int
    completed_at: datetime = Field(sa_type=UtcDateTime)
    rewritten_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
