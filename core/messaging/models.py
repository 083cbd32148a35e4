"""Tables of outgoing messages, and of how many codes there were and may be."""

from datetime import datetime

from sqlmodel import CheckConstraint, Field, Index, SQLModel, text

from core.database import UtcDateTime, one_of
from core.messaging.rules import GatewayKind, GivenUpAct, MessageState

WAITING = text("state IN ('queued', 'sending')")
"""What waits, as its index has it: a query finds that index only by these very words."""

GIVEN_UP = text("state = 'failed' AND body IS NOT NULL")
"""Dead letters, as their index has them."""

_KEYED = text("idempotency_key IS NOT NULL")


class OutboxMessage(SQLModel, table=True):
    """One message on its way. Number and text are encrypted, and erased once it is taken.

    ``id`` is made by whoever queues it (`post.new_id`), so that nobody reads a row back to know
    it; it grows with time, so that new rows lie together and "the last minutes" is a range of it.
    """

    __tablename__ = "outbox_message"
    __table_args__ = (
        CheckConstraint(one_of("gateway", GatewayKind), name="gateway"),
        CheckConstraint(one_of("state", MessageState), name="state"),
        Index(
            "ix_outbox_message_waiting",
            "gateway",
            "priority",
            "due_at",
            sqlite_where=WAITING,
            postgresql_where=WAITING,
        ),
        Index(
            "uq_outbox_message_idempotency_key",
            "idempotency_key",
            unique=True,
            sqlite_where=_KEYED,
            postgresql_where=_KEYED,
        ),
        Index(
            "ix_outbox_message_given_up",
            "gateway",
            "purpose",
            sqlite_where=GIVEN_UP,
            postgresql_where=GIVEN_UP,
        ),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True)
    gateway: str
    purpose: str
    priority: int
    idempotency_key: str | None = Field(default=None)
    body: bytes | None
    state: str
    attempts: int
    fault: str | None = Field(default=None)
    queued_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)


class MessageAct(SQLModel, table=True):
    """What an administrator decided about the messages of one purpose that were given up."""

    __tablename__ = "message_act"
    __table_args__ = (CheckConstraint(one_of("act", GivenUpAct), name="act"),)

    id: int | None = Field(default=None, primary_key=True)
    act: str
    purpose: str
    messages: int
    reason: str
    at: datetime = Field(sa_type=UtcDateTime)
    account_id: int


class CodeAllowance(SQLModel, table=True):
    """An act that sets how many codes may be sent; the latest holds."""

    __tablename__ = "code_allowance"
    __table_args__ = (CheckConstraint("per_hour > 0 AND per_day > 0", name="some"),)

    id: int | None = Field(default=None, primary_key=True)
    per_hour: int
    per_day: int
    reason: str
    set_at: datetime = Field(sa_type=UtcDateTime)
    set_by: int


class CodeCount(SQLModel, table=True):
    """How many codes a writer (``counter``) queued in the hour (UTC) that begins at ``hour``."""

    __tablename__ = "code_count"

    hour: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    counter: str = Field(primary_key=True)
    codes: int
