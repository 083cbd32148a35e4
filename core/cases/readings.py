"""Reading a case, writing beside it, declaring an interest: everything but its moves."""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.cases.access import find_case, parts_of
from core.cases.ciphers import cipher_of
from core.cases.models import CaseAccess, ConflictDeclaration, Note
from core.cases.recusal import make_way
from core.cases.rules import (
    MAX_TEXT,
    OPEN_STATES,
    CasePart,
    CasesRefusal,
    CaseState,
    Channel,
    NoteKind,
    Part,
)
from core.cases.search import index_text
from core.errors import Refused
from core.staff.rules import Actor, Role, require_writer

READING_COUNTS_FOR: Final = timedelta(hours=1)


def record_reading(session: Session, subject: int | str, *, actor: Actor, now: datetime) -> None:
    """Write down that somebody opened the texts of a case: once an hour for each person."""
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject)
    assert case.id is not None
    last = session.exec(
        select(CaseAccess.at)
        .where(
            col(CaseAccess.case_id) == case.id,
            col(CaseAccess.account_id) == actor.account_id,
            col(CaseAccess.part) == CasePart.TEXT.value,
        )
        .order_by(col(CaseAccess.id).desc())
    ).first()
    if last is not None and now - last < READING_COUNTS_FOR:
        return
    session.add(
        CaseAccess(case_id=case.id, account_id=actor.account_id, part=CasePart.TEXT.value, at=now)
    )
    session.flush()
    audit.record(session, "read_case", author=actor.author, subject=f"case:{case.id}")


def add_note(
    session: Session,
    subject: int | str,
    text: str,
    *,
    actor: Actor,
    kind: NoteKind = NoteKind.INTERNAL,
    now: datetime,
) -> None:
    """Write a note for the house, or one that the complainant sees."""
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    assert case.id is not None
    if not text.strip():
        raise Refused(CasesRefusal.TEXT_MISSING)
    if len(text) > MAX_TEXT:
        raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    if not parts_of(session, case, actor):
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    session.add(
        Note(
            case_id=case.id,
            kind=kind.value,
            text=cipher_of(session, case.text_key_id).seal(text.strip()),
            account_id=actor.account_id,
            at=now,
        )
    )
    session.flush()
    index_text(session, case.id, text)
    audit.record(
        session,
        "add_note",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"kind": kind.value},
    )


def declare_conflict(
    session: Session, subject: int | str, *, actor: Actor, in_conflict: bool, now: datetime
) -> None:
    """Declare whether the actor has an interest in a case. With one, the case is gone at once, and
    goes up when more than half of its commission can't sit.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    assert case.id is not None
    row = session.get(ConflictDeclaration, (case.id, actor.account_id))
    row = row or ConflictDeclaration(
        case_id=case.id, account_id=actor.account_id, in_conflict=in_conflict, at=now
    )
    row.in_conflict, row.at = in_conflict, now
    session.add(row)
    session.flush()
    audit.record(
        session,
        "declare_conflict",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"in_conflict": in_conflict},
    )
    make_way(session, case, now=now)


def ask_withdrawal(
    session: Session, subject: int | str, *, actor: Actor, channel: Channel, now: datetime
) -> None:
    """Note that the complainant wants to withdraw: to be confirmed by a second channel, or, for an
    anonymous one, by the receipt code after 24 hours.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    if not parts_of(session, case, actor) & {Part.OPERATOR, Part.OFFICER, Part.NEXT_OFFICER}:
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    if CaseState(case.state) not in OPEN_STATES:
        raise Refused(CasesRefusal.CHANGED_MEANWHILE, state=CaseState(case.state))
    case.withdrawal_asked_at, case.withdrawal_channel = now, channel.value
    session.add(case)
    session.flush()
    audit.record(
        session,
        "ask_withdrawal",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"channel": channel.value},
    )
