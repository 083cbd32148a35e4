"""Appending to the audit log and signing its end."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import insert, text
from sqlmodel import Session, col, select

from core import clock
from core.audit.models import AuditEntry, AuditHead, SignedHead
from core.audit.rules import GENESIS, Author, Detail, Entry, canonical_details, entry_hash
from core.keyring import signing_key

_BEGIN_CHAIN = text(
    "INSERT INTO audit_head (id, number, hash) VALUES (1, :number, :hash) ON CONFLICT DO NOTHING"
)


def _locked_head(session: Session) -> AuditHead:
    # SQLite's writers already stand in line (BEGIN IMMEDIATE); PostgreSQL's line up at this row.
    statement = select(AuditHead).with_for_update().execution_options(populate_existing=True)
    head = session.exec(statement).one_or_none()
    if head is None:
        # Two first acts may meet here: one of them begins the chain, both then wait for the row.
        session.execute(_BEGIN_CHAIN, {"number": 0, "hash": GENESIS})
        head = session.exec(statement).one()
    return head


def record(
    session: Session,
    act: str,
    *,
    author: Author,
    subject: str,
    details: Mapping[str, Detail] | None = None,
) -> None:
    """Append one act to the chain, in the same transaction as what it tells of.

    ``act`` is the verb (``freeze_admission``), ``subject`` what it was done to (``freeze:12``).
    ``details`` holds identifiers, codes and counts, never personal data, secrets or free text.
    """
    head = _locked_head(session)
    entry = Entry(
        number=head.number + 1,
        at=clock.now(),
        act=act,
        author=author,
        subject=subject,
        details=details or {},
        previous_hash=head.hash,
    )
    digest = entry_hash(entry)
    session.execute(
        insert(AuditEntry).values(
            number=entry.number,
            at=entry.at,
            act=act,
            author_kind=author.kind.value,
            account_id=author.account_id,
            subject=subject,
            details=canonical_details(entry.details),
            previous_hash=entry.previous_hash,
            hash=digest,
        )
    )
    head.number, head.hash = entry.number, digest
    session.add(head)
    session.flush()


def head_statement(number: int, digest: str, day: str) -> bytes:
    """The bytes that are signed for a day: day, number of entries, hash of the last one."""
    return f"primaries audit head {day} {number} {digest}".encode()


def sign_head(session: Session, *, day: str, now: datetime) -> SignedHead | None:
    """Sign the end of the chain for ``day`` (ISO), once; None when it is signed already."""
    head = _locked_head(session)
    if session.exec(select(SignedHead).where(col(SignedHead.day) == day)).one_or_none():
        return None
    signed = SignedHead(
        day=day,
        number=head.number,
        hash=head.hash,
        signed_at=now,
        signature=signing_key().sign(head_statement(head.number, head.hash, day)),
    )
    session.add(signed)
    session.flush()
    return signed
