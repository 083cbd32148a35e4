"""The complainant's side: a number and a receipt code open what the complainant may know."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from core.cases.ciphers import cipher_of, digest
from core.cases.models import Attempt, Case, Note
from core.cases.receipts import ReceiptCode, parse_number
from core.cases.rules import CasesRefusal, CaseState, Finding, NoteKind, Told

WINDOW: Final = timedelta(hours=1)
GUESSES_BY_SOURCE: Final = 20
GUESSES_AT_NUMBER: Final = 40
_NOBODY: Final = bytes(32)


@dataclass(frozen=True, kw_only=True)
class ComplaintStatus:
    """What a complainant is told. Texts are the questions put and the answers given so far."""

    number: str
    told: Told
    since: datetime
    finding: Finding | None
    appeal_until: datetime | None
    messages: tuple[tuple[datetime, NoteKind, str], ...]


TOLD: Final = {
    CaseState.RECEIVED: Told.RECEIVED,
    CaseState.TRIAGE: Told.RECEIVED,
    CaseState.NEEDS_INFO: Told.QUESTION,
    CaseState.ADMISSIBILITY: Told.WITH_COMMISSION,
    CaseState.ASSIGNED: Told.WITH_COMMISSION,
    CaseState.INVESTIGATION: Told.EXAMINED,
    CaseState.DELIBERATION: Told.EXAMINED,
    CaseState.DECIDED: Told.EXAMINED,
    CaseState.REMEDY: Told.DECIDED,
    CaseState.CLOSED: Told.CLOSED,
    CaseState.APPEAL: Told.APPEALED,
    CaseState.INADMISSIBLE: Told.NOT_TAKEN_UP,
    CaseState.WITHDRAWN: Told.WITHDRAWN,
    CaseState.REFERRED: Told.REFERRED,
    CaseState.MERGED: Told.WITH_COMMISSION,
}
"""States in the complainant's words. A decision is told by a person first, then shown here."""


def receipt_digest(number: str, code: ReceiptCode) -> bytes:
    """What the database keeps of a receipt code: a fast HMAC is enough for 75 random bits."""
    return digest("receipt", f"{number} {code.signs}")


def code_fits(case: Case, raw: str) -> bool:
    """Whether ``raw`` is the receipt code of the case; takes the same time for every answer."""
    code = ReceiptCode.parse(raw) or ReceiptCode("0" * 16)
    return hmac.compare_digest(receipt_digest(case.number, code), case.receipt)


def complaint_status(
    session: Session, number: str, code: str, *, source: str = "", now: datetime
) -> ComplaintStatus | CasesRefusal:
    """What the holder of a receipt may know, or why not: a value, so that the guess is remembered.

    ``source`` is the client's address. A wrong number and a wrong code give one answer in one
    time; wrong pairs are counted by address and by number for an hour.
    """
    folded = parse_number(number) or "0" * 8
    parsed = ReceiptCode.parse(code)
    case = session.exec(select(Case).where(col(Case.number) == folded)).one_or_none()
    given = receipt_digest(folded, parsed or ReceiptCode("0" * 16))
    fits = hmac.compare_digest(given, case.receipt if case else _NOBODY)
    counted = (("receipt-source", source), ("receipt-number", folded))
    if attempts(session, *counted[0], now=now) >= GUESSES_BY_SOURCE:
        return CasesRefusal.TOO_MANY_GUESSES
    if not fits or parsed is None or case is None:
        # Guesses of strangers slow strangers down: they never shut out whoever has the code.
        is_over = attempts(session, *counted[1], now=now) >= GUESSES_AT_NUMBER
        for kind, subject in counted:
            note_attempt(session, kind, subject, now=now)
        return CasesRefusal.TOO_MANY_GUESSES if is_over else CasesRefusal.BAD_RECEIPT_CODE
    return _status(session, case)


def _status(session: Session, case: Case) -> ComplaintStatus:
    number = case.number
    while case.state == CaseState.MERGED.value and case.merged_into is not None:
        # Each complainant of merged cases keeps a code and follows the case that goes on.
        case = session.get_one(Case, case.merged_into)
    state = CaseState(case.state)
    is_own = case.number == number
    cipher = cipher_of(session, case.text_key_id)
    notes = session.exec(
        select(Note)
        .where(col(Note.case_id) == case.id, col(Note.kind) != NoteKind.INTERNAL.value)
        .order_by(col(Note.id))
    ).all()
    told = TOLD[state]
    shown = told in {Told.DECIDED, Told.CLOSED, Told.APPEALED} and case.finding
    return ComplaintStatus(
        number=number,
        told=told,
        since=case.state_since,
        finding=Finding(case.finding) if shown and case.finding else None,
        appeal_until=case.appeal_until,
        # What was written to one complainant is not for the other of a merged case.
        messages=tuple(
            (note.at, NoteKind(note.kind), cipher.open(note.text) or "")
            for note in (notes if is_own else ())
        ),
    )


def attempts(session: Session, kind: str, subject: str, *, now: datetime) -> int:
    """How many attempts of a kind were counted for a subject within the hour."""
    return session.exec(
        select(func.count())
        .select_from(Attempt)
        .where(
            col(Attempt.kind) == kind,
            col(Attempt.subject) == digest("attempt", subject),
            col(Attempt.at) > now - WINDOW,
        )
    ).one()


def note_attempt(session: Session, kind: str, subject: str, *, now: datetime) -> None:
    """Count an attempt, and forget those of more than an hour ago."""
    session.execute(delete(Attempt).where(col(Attempt.at) <= now - WINDOW))
    session.add(Attempt(kind=kind, subject=digest("attempt", subject), at=now))
    session.flush()
