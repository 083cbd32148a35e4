"""Tables of incoming mail. Bytes and texts are encrypted under the key of the contact they become."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from core.database import UtcDateTime, one_of
from core.mail.rules import Fate

UNSORTED = text("fate IN ('to_sort', 'quarantined', 'waiting')")
"""What waits for somebody, as its index has it: a query finds that index only by these words."""


class IncomingMail(SQLModel, table=True):
    """One mail as it came. ``fingerprint`` is a keyed digest of its bytes: the same bytes are stored
    once. ``tries`` counts how often it was begun to be filed.
    """

    __tablename__ = "incoming_mail"
    __table_args__ = (
        CheckConstraint(one_of("fate", Fate), name="fate"),
        Index("ix_incoming_mail_sender", "sender_digest", "arrived_at"),
        Index(
            "ix_incoming_mail_unsorted",
            "fate",
            "id",
            sqlite_where=UNSORTED,
            postgresql_where=UNSORTED,
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    fingerprint: bytes = Field(unique=True)
    text_key_id: int = Field(foreign_key="text_key.id", index=True)
    size: int
    arrived_at: datetime = Field(sa_type=UtcDateTime, index=True)
    fate: str
    contact_id: int | None = Field(default=None, foreign_key="contact.id", unique=True)
    message_digest: bytes | None = Field(default=None, index=True)
    sender_digest: bytes | None = None
    language: str | None = None
    marks: str = ""
    """Names of marks and signs, with commas between them."""
    tie: str | None = None
    tied_case_id: int | None = Field(default=None, foreign_key="case_file.id", index=True)
    """The case it may belong to, and by what: a proposal to whoever sorts it."""
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When somebody first read it."""
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tries: int = 0
    fault: str | None = None
    decided_by: int | None = Field(default=None, foreign_key="account.id")
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class MailPiece(SQLModel, table=True):
    """A piece of a mail's bytes, until they stand in a case as evidence."""

    __tablename__ = "mail_piece"

    mail_id: int = Field(primary_key=True, foreign_key="incoming_mail.id")
    ordinal: int = Field(primary_key=True)
    content: bytes


class AnsweredMail(SQLModel, table=True):
    """A mail that we wrote to the sender of a letter, known by a keyed digest of its Message-ID."""

    __tablename__ = "answered_mail"

    message_digest: bytes = Field(primary_key=True)
    contact_id: int = Field(foreign_key="contact.id", index=True)
    recipient_digest: bytes
    at: datetime = Field(sa_type=UtcDateTime)


class Mailbox(SQLModel, table=True):
    """How the fetching from one mailbox goes. ``name`` is user@host, without a password."""

    __tablename__ = "mailbox"

    name: str = Field(primary_key=True)
    tried_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fetched_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was last looked through whole."""
    fetched: int = 0
    fault: str | None = None
    """The kind of the last fault, never its words."""
    holder: str | None = None
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Which process fetches from it, and until when nobody else does."""
