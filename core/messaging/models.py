"""Table of outgoing messages."""

from datetime import datetime

from sqlmodel import Field, Index, SQLModel, text

from core.database import UtcDateTime
from core.messaging.rules import MessageState


class OutboxMessage(SQLModel, table=True):
    """One SMS on its way. Number and text are encrypted, and erased once it is sent."""

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index(
            "ix_outbox_message_waiting",
            "due_at",
            sqlite_where=text("state IN ('queued', 'sending')"),
            postgresql_where=text("state IN ('queued', 'sending')"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    purpose: str
    idempotency_key: str = Field(unique=True)
    body: bytes | None
    state: str = MessageState.QUEUED.value
    attempts: int = 0
    queued_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
