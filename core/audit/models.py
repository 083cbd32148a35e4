"""Tables of the audit log."""

from datetime import datetime

from sqlmodel import CheckConstraint, Field, SQLModel

from core.database import UtcDateTime


class AuditEntry(SQLModel, table=True):
    """One act. ``number`` counts from 1 without gaps; rows are never changed or removed."""

    __tablename__ = "audit_entry"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    act: str = Field(index=True)
    author_kind: str
    account_id: int | None = Field(default=None, index=True)
    subject: str = Field(index=True)
    details: str
    previous_hash: str
    hash: str


class AuditHead(SQLModel, table=True):
    """The end of the chain: one row, locked by whoever appends, so that entries stay in one line."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int
    hash: str


class SignedHead(SQLModel, table=True):
    """A daily signature over the end of the chain: what a later rewriting can't agree with."""

    __tablename__ = "audit_signed_head"

    day: str = Field(primary_key=True)
    number: int
    hash: str
    signed_at: datetime = Field(sa_type=UtcDateTime)
    signature: bytes
