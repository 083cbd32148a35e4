"""Reading and verifying the audit log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from core.audit.models import AuditEntry, AuditHead, SignedHead
from core.audit.rules import (
    GENESIS,
    Author,
    AuthorKind,
    ChainFault,
    ChainFaultKind,
    Entry,
    entry_hash,
)
from core.audit.service import head_statement
from core.keyring import signing_public_key


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """One act as a screen shows it; ``details`` is canonical JSON."""

    number: int
    at: datetime
    act: str
    author_kind: AuthorKind
    account_id: int | None
    subject: str
    details: str
    hash: str


@dataclass(frozen=True)
class Unseen:
    """Acts that a reader does not get: on kinds of subjects (``case``), on single subjects
    (``case:17``), and those whose details mention one of the words.
    """

    kinds: Sequence[str] = ()
    subjects: Sequence[str] = ()
    words: Sequence[str] = ()


NOTHING_UNSEEN: Final = Unseen()


@dataclass(frozen=True)
class Verification:
    """What checking the whole chain gave; ``fault`` is None when it holds."""

    entries: int
    signed_heads: int
    fault: ChainFault | None


def entries(
    session: Session,
    *,
    act: str | None = None,
    account_id: int | None = None,
    subject: str | None = None,
    unseen: Unseen = NOTHING_UNSEEN,
    offset: int = 0,
    limit: int = 50,
) -> tuple[Sequence[AuditRow], int]:
    """A page of acts, newest first, and how many there are in all under these filters."""
    chosen = _not_of(unseen)
    if act:
        chosen.append(col(AuditEntry.act) == act)
    if account_id is not None:
        chosen.append(col(AuditEntry.account_id) == account_id)
    if subject:
        chosen.append(col(AuditEntry.subject).startswith(subject, autoescape=True))
    total = session.exec(select(func.count()).select_from(AuditEntry).where(*chosen)).one()
    page = session.exec(
        select(AuditEntry)
        .where(*chosen)
        .order_by(col(AuditEntry.number).desc())
        .offset(offset)
        .limit(limit)
    ).all()
    return tuple(_row(entry) for entry in page), total


def _row(entry: AuditEntry) -> AuditRow:
    return AuditRow(
        number=entry.number,
        at=entry.at,
        act=entry.act,
        author_kind=AuthorKind(entry.author_kind),
        account_id=entry.account_id,
        subject=entry.subject,
        details=entry.details,
        hash=entry.hash,
    )


def _not_of(unseen: Unseen) -> list[ColumnElement[bool]]:
    chosen = [
        ~col(AuditEntry.subject).startswith(f"{kind}:", autoescape=True) for kind in unseen.kinds
    ]
    if unseen.subjects:
        chosen.append(col(AuditEntry.subject).not_in(unseen.subjects))
    chosen += [~col(AuditEntry.details).contains(word, autoescape=True) for word in unseen.words]
    return chosen


def acts(session: Session, *, unseen: Unseen = NOTHING_UNSEEN) -> Sequence[str]:
    """Every verb the log holds, in alphabetical order: what a filter offers."""
    verbs = select(AuditEntry.act).where(*_not_of(unseen)).distinct()
    return session.exec(verbs.order_by(AuditEntry.act)).all()


def verify_chain(session: Session) -> Verification:
    """Walk the chain from its first entry; finds a changed, missing or inserted row.

    A chain cut off at its end is found by the head row, and by the signed heads of past days.
    """
    expected, previous, count = 1, GENESIS, 0
    hashes = {0: GENESIS}
    wanted = {signed.number for signed in session.exec(select(SignedHead)).all()}
    rows = session.exec(
        select(AuditEntry).order_by(col(AuditEntry.number)).execution_options(yield_per=2000)
    )
    for row in rows:
        fault = _fault(row, expected, previous)
        if fault:
            return Verification(count, 0, fault)
        expected, previous, count = expected + 1, row.hash, count + 1
        if row.number in wanted:
            hashes[row.number] = row.hash
    return _verify_ends(session, count, previous, hashes)


def _fault(row: AuditEntry, expected: int, previous: str) -> ChainFault | None:
    if row.number > expected:
        return ChainFault(expected, ChainFaultKind.MISSING)
    if row.number < expected:
        return ChainFault(row.number, ChainFaultKind.INSERTED)
    if entry_hash(_entry(row)) != row.hash:
        return ChainFault(row.number, ChainFaultKind.CHANGED)
    if row.previous_hash != previous:
        return ChainFault(row.number, ChainFaultKind.INSERTED)
    return None


def _entry(row: AuditEntry) -> Entry:
    return Entry(
        number=row.number,
        at=row.at,
        act=row.act,
        author=Author(AuthorKind(row.author_kind), row.account_id),
        subject=row.subject,
        details=json.loads(row.details),
        previous_hash=row.previous_hash,
    )


def _verify_ends(
    session: Session, count: int, last_hash: str, hashes: dict[int, str]
) -> Verification:
    head = session.exec(select(AuditHead)).one_or_none()
    if head is not None and (head.number > count or head.hash != last_hash):
        return Verification(count, 0, ChainFault(count + 1, ChainFaultKind.CUT_OFF))
    key = Ed25519PublicKey.from_public_bytes(signing_public_key())
    heads = session.exec(select(SignedHead).order_by(col(SignedHead.day))).all()
    for signed in heads:
        statement = head_statement(signed.number, signed.hash, signed.day)
        try:
            key.verify(signed.signature, statement)
        except InvalidSignature:
            return Verification(count, 0, ChainFault(signed.number, ChainFaultKind.CHANGED))
        if hashes.get(signed.number) != signed.hash:
            return Verification(count, 0, ChainFault(signed.number, ChainFaultKind.CHANGED))
    return Verification(count, len(heads), None)


def signed_heads(session: Session, limit: int = 14) -> Sequence[SignedHead]:
    """The newest daily signatures, newest first."""
    statement = select(SignedHead).order_by(col(SignedHead.day).desc()).limit(limit)
    return session.exec(statement).all()
