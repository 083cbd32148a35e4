"""The complainant's side: a number and a receipt code open what the complainant may know."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, text
from sqlmodel import Session, col, select

from core.cases.ciphers import cipher_of, digest
from core.cases.clocks import ANONYMOUS_WITHDRAWAL
from core.cases.evidence import own_files
from core.cases.merging import goes_on_as
from core.cases.models import Attempt, Case, CaseAccess, Complainant, Note
from core.cases.receipts import ReceiptCode, parse_number
from core.cases.rules import (
    OPEN_STATES,
    CasePart,
    CasesRefusal,
    CaseState,
    Channel,
    ComplainantAct,
    Finding,
    Move,
    NoteKind,
    Told,
    row_for,
)
from core.database import is_sqlite

WINDOW: Final = timedelta(hours=1)
GUESSES_BY_SOURCE: Final = 20
GUESSES_AT_NUMBER: Final = 40
_NOBODY: Final = bytes(32)


@dataclass(frozen=True)
class Opening:
    """A key that somebody holds: number and code as they were typed, and where from.

    ``source`` is the client's address; it is counted for an hour and kept nowhere.
    """

    number: str
    code: str = field(repr=False)
    source: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class ComplaintStatus:
    """What a complainant is told. Texts are the questions put and the answers given so far.

    ``code_must_change``: an operator read the code out, so somebody may have heard it; until it is
    changed nothing else is told.
    """

    number: str
    told: Told
    since: datetime
    finding: Finding | None = None
    appeal_until: datetime | None = None
    messages: tuple[tuple[datetime, NoteKind, str], ...] = ()
    acts: frozenset[ComplainantAct] = frozenset()
    withdrawal_asked_at: datetime | None = None
    withdraw_from: datetime | None = None
    """From when an anonymous complainant may confirm a withdrawal."""
    files: tuple[tuple[datetime, str], ...] = ()
    """What the complainant added: when, and under which name."""
    openings: tuple[tuple[datetime, str], ...] = ()
    """When somebody looked at who complains, and the reason they gave. Not who they are."""
    code_must_change: bool = False


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


def open_complaint(session: Session, opening: Opening, *, now: datetime) -> Case | CasesRefusal:
    """The case that number and code open, or why not: a value, so that the guess is remembered.

    Every try is counted before anything else is looked at, and a right one is forgiven. A wrong
    number and a wrong code give one answer in one time; they are counted by address and by number
    for an hour.
    """
    folded = parse_number(opening.number) or "0" * 8
    source = ("receipt-source", opening.source)
    _in_turn(session, *source)
    if attempts(session, *source, now=now) >= GUESSES_BY_SOURCE:
        return CasesRefusal.TOO_MANY_GUESSES
    tries = [
        note_attempt(session, kind, subject, now=now)
        for kind, subject in (source, ("receipt-number", folded))
    ]
    parsed = ReceiptCode.parse(opening.code)
    known = session.exec(
        select(Case.id, Case.receipt).where(col(Case.number) == folded)
    ).one_or_none()
    given = receipt_digest(folded, parsed or ReceiptCode("0" * 16))
    fits = hmac.compare_digest(given, known[1] if known else _NOBODY)
    if fits and parsed is not None and known is not None:
        session.execute(delete(Attempt).where(col(Attempt.id).in_(tries)))
        return session.get_one(Case, known[0], populate_existing=True)
    # Guesses of strangers slow strangers down: they never shut out whoever has the code.
    is_over = attempts(session, "receipt-number", folded, now=now) > GUESSES_AT_NUMBER
    return CasesRefusal.TOO_MANY_GUESSES if is_over else CasesRefusal.BAD_RECEIPT_CODE


def _in_turn(session: Session, kind: str, subject: str) -> None:
    # SQLite writes one after the other. PostgreSQL would let a hundred guesses count at once and
    # all find room: those of one address wait for each other.
    if not is_sqlite(session):
        key = int.from_bytes(digest("attempt", f"{kind} {subject}")[:7])
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def complaint_status(
    session: Session, opening: Opening, *, now: datetime
) -> ComplaintStatus | CasesRefusal:
    """What the holder of a receipt may know, or why not (`open_complaint`)."""
    case = open_complaint(session, opening, now=now)
    return case if isinstance(case, CasesRefusal) else status_of(session, case, now=now)


def status_of(session: Session, case: Case, *, now: datetime) -> ComplaintStatus:
    """What is told of a case that was opened by its code."""
    number = case.number
    if case.receipt_spoken:
        return ComplaintStatus(
            number=number,
            told=TOLD[CaseState(case.state)],
            since=case.state_since,
            code_must_change=True,
        )
    if case.erased_at is not None:
        return ComplaintStatus(number=number, told=Told.ERASED, since=case.erased_at)
    # Each complainant of merged cases keeps a code and follows the case that goes on.
    own, case = case, goes_on_as(session, case)
    told = TOLD[CaseState(case.state)]
    shown = told in {Told.DECIDED, Told.CLOSED, Told.APPEALED} and case.finding
    confirmed_from = withdraw_from(session, own)
    return ComplaintStatus(
        number=number,
        told=told,
        since=case.state_since,
        finding=Finding(case.finding) if shown and case.finding else None,
        appeal_until=case.appeal_until,
        # What was written to one complainant is not for the other of a merged case.
        messages=_messages(session, own),
        openings=_openings(session, own),
        files=own_files(session, own),
        acts=_acts(own, confirmed_from, now) if own is case else _acts_of_merged(case, now),
        withdrawal_asked_at=own.withdrawal_asked_at,
        withdraw_from=confirmed_from,
    )


def _messages(session: Session, case: Case) -> tuple[tuple[datetime, NoteKind, str], ...]:
    cipher = cipher_of(session, case.text_key_id)
    notes = session.exec(
        select(Note)
        .where(col(Note.case_id) == case.id, col(Note.kind) != NoteKind.INTERNAL.value)
        .order_by(col(Note.id))
    ).all()
    return tuple((note.at, NoteKind(note.kind), cipher.open(note.text) or "") for note in notes)


def _openings(session: Session, case: Case) -> tuple[tuple[datetime, str], ...]:
    cipher = cipher_of(session, case.text_key_id)
    rows = session.exec(
        select(CaseAccess.at, CaseAccess.reason)
        .where(col(CaseAccess.case_id) == case.id, col(CaseAccess.part) == CasePart.IDENTITY.value)
        .order_by(col(CaseAccess.id))
    ).all()
    return tuple((at, cipher.open(reason) or "") for at, reason in rows)


def withdraw_from(session: Session, case: Case) -> datetime | None:
    """From when the portal takes the confirmation of a withdrawal; None when it never does.

    Whoever gave a number or a mail confirms by another channel than the one that asked.
    """
    if case.withdrawal_asked_at is None:
        return None
    row = session.get(Complainant, case.id)
    if row is None or not (row.phone or row.email):
        return case.withdrawal_asked_at + ANONYMOUS_WITHDRAWAL
    by_portal = case.withdrawal_channel == Channel.PORTAL.value
    return None if by_portal else case.withdrawal_asked_at


def _acts(case: Case, confirmed_from: datetime | None, now: datetime) -> frozenset[ComplainantAct]:
    state = CaseState(case.state)
    acts = set()
    if state is CaseState.NEEDS_INFO:
        acts.add(ComplainantAct.ANSWER)
    elif state in OPEN_STATES:
        acts.add(ComplainantAct.ADD)
    if state in OPEN_STATES and case.withdrawal_asked_at is None:
        acts.add(ComplainantAct.ASK_WITHDRAWAL)
    elif state in OPEN_STATES:
        acts.add(ComplainantAct.KEEP)
        if confirmed_from is not None and confirmed_from <= now:
            acts.add(ComplainantAct.CONFIRM_WITHDRAWAL)
    row = row_for(Move.APPEAL, state)
    if row is not None and case.appeal_until is not None and now < case.appeal_until:
        acts.add(ComplainantAct.APPEAL)
    return frozenset(acts)


def _acts_of_merged(goes_on: Case, now: datetime) -> frozenset[ComplainantAct]:
    """What the complainant of a merged case may do: add, and appeal against the decision. Nobody
    withdraws or answers for the complainant of the case that goes on.
    """
    allowed = {ComplainantAct.ADD, ComplainantAct.APPEAL}
    found = _acts(goes_on, None, now)
    if ComplainantAct.ANSWER in found:
        found |= {ComplainantAct.ADD}
    return found & allowed


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


def note_attempt(session: Session, kind: str, subject: str, *, now: datetime) -> int:
    """Count an attempt, and forget those of more than an hour ago; gives the attempt's id."""
    session.execute(delete(Attempt).where(col(Attempt.at) <= now - WINDOW))
    attempt = Attempt(kind=kind, subject=digest("attempt", subject), at=now)
    session.add(attempt)
    session.flush()
    assert attempt.id is not None
    return attempt.id
