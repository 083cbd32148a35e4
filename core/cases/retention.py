"""How long the texts of a case are kept, and their erasure: for good, on a day known beforehand.

Everything that was told is encrypted under a key of its case; erasure destroys the key, the words
by which search finds it, what is known of who complained, and the bytes of the evidence. What was
decided, when, where and of which kind stays for the statistics, and so do the digests by which
the conflict rule knows a respondent: a case that names somebody goes on not to exist for them.
An officer may put a case on hold for a time; nothing of it is erased until the hold is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, exists, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from core.audit import service as audit
from core.cases.access import exists_for, find_case, parts_of
from core.cases.ciphers import cipher_of, destroy_text_key
from core.cases.clocks import Window
from core.cases.commissions import seats_of
from core.cases.election import limits_of
from core.cases.merging import merged_in
from core.cases.models import (
    Case,
    CaseHold,
    Complainant,
    Contact,
    Evidence,
    EvidencePiece,
    TextKey,
)
from core.cases.rules import MAX_TEXT, CasesRefusal, CaseState, Part, WrapUp
from core.errors import Refused
from core.staff import queries as staff_queries
from core.staff.rules import Actor, Office, Role, require, require_writer

AT_ONCE: Final = 200
"""Cases that one unit of work erases at most."""

LONGEST_HOLD: Final = timedelta(days=3 * 365)
SOON: Final = timedelta(days=14)

_CLOCK: Final = Actor.system("clock")
_GoesOn: Final = aliased(Case)
_KEPT_BY_CLOCK: Final = tuple(
    state.value
    for state in (
        *(CaseState.CLOSED, CaseState.INADMISSIBLE),
        *(CaseState.WITHDRAWN, CaseState.REFERRED),
    )
)
"""Ends from which the time counts. A merged case is erased with the one it went into."""


@dataclass(frozen=True, kw_only=True)
class HoldView:
    """Why the texts of a case are kept beyond their time."""

    who: str
    reason: str | None
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class RetentionView:
    """What becomes of the texts of a case. ``erase_at`` is None while the case has not ended."""

    erase_at: datetime | None
    erased_at: datetime | None
    hold: HoldView | None
    may_hold: bool


@dataclass(frozen=True, kw_only=True)
class SoonErased:
    """A case whose texts will be erased within two weeks."""

    number: str
    erase_at: datetime


def hold_case(
    session: Session,
    subject: int | str,
    *,
    actor: Actor,
    reason: str,
    until: datetime,
    now: datetime,
) -> None:
    """Keep the texts of a case until then, or until the hold is lifted. Officer or chair.

    Refused as ``reason_missing``, ``text_erased``, ``hold_out_of_range`` (not in the future, or
    more than three years), and as ``held_already``.
    """
    case = _of_officer(session, subject, actor)
    assert case.id is not None
    if not reason.strip():
        raise Refused(CasesRefusal.REASON_MISSING)
    if len(reason) > MAX_TEXT:
        raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    if not now < until <= now + LONGEST_HOLD:
        raise Refused(CasesRefusal.HOLD_OUT_OF_RANGE)
    if _hold_of(session, case, now) is not None:
        raise Refused(CasesRefusal.HELD_ALREADY)
    session.add(
        CaseHold(
            case_id=case.id,
            account_id=actor.account_id,
            reason=cipher_of(session, case.text_key_id).seal(reason.strip()),
            at=now,
            until=until,
        )
    )
    session.flush()
    audit.record(
        session,
        "hold_case",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"until": until.date().isoformat()},
    )


def lift_hold(session: Session, subject: int | str, *, actor: Actor, now: datetime) -> None:
    """End a hold. Officer or chair; refused as ``nothing_to_confirm`` when there is none."""
    case = _of_officer(session, subject, actor)
    row = _hold_of(session, case, now)
    if row is None:
        raise Refused(CasesRefusal.NOTHING_TO_CONFIRM)
    row.lifted_at, row.lifted_by = now, actor.account_id
    session.add(row)
    session.flush()
    audit.record(session, "lift_hold", author=actor.author, subject=f"case:{case.id}")


def retention_of(
    session: Session, actor: Actor, subject: int | str, *, now: datetime
) -> RetentionView:
    """When the texts of a case go, or went, and what keeps them."""
    require(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject)
    row = _hold_of(session, case, now)
    hold = None
    if row is not None:
        hold = HoldView(
            who=staff_queries.names(session, [row.account_id]).get(row.account_id, ""),
            reason=cipher_of(session, case.text_key_id).open(row.reason),
            since=row.at,
            until=row.until,
        )
    ended = case.state in _KEPT_BY_CLOCK and case.erased_at is None
    at = case.state_since + limits_of(session).windows[Window.RETENTION] if ended else None
    if at is not None and row is not None:
        at = max(at, row.until)
    return RetentionView(
        erase_at=at,
        erased_at=case.erased_at,
        hold=hold,
        may_hold=case.erased_at is None
        and not actor.read_only
        and bool(parts_of(session, case, actor) & _KEEPERS),
    )


def erased_soon(session: Session, actor: Actor, *, now: datetime) -> Sequence[SoonErased]:
    """Cases of the own commissions, for their chairs and secretaries, that go within two weeks."""
    require(actor, Role.COMMISSIONER)
    seats = seats_of(session, actor.account_id)
    above = [number for number, office in seats.items() if office is not Office.MEMBER]
    kept = limits_of(session).windows[Window.RETENTION]
    rows = session.exec(
        select(Case.number, Case.state_since)
        .where(
            exists_for(session, actor),
            col(Case.commission_id).in_(above),
            _over(now + SOON - kept),
            ~_held(now),
        )
        .order_by(col(Case.state_since), col(Case.number))
        .limit(100)
    ).all()
    return tuple(SoonErased(number=number, erase_at=since + kept) for number, since in rows)


def is_erasure_due(session: Session, now: datetime) -> bool:
    """Whether `erase_due_cases` would find anything."""
    return any(
        session.exec(each.limit(1)).first() is not None
        for each in (_due(session, now), _left_behind(now))
    )


def erase_due_cases(session: Session, now: datetime) -> int:
    """Erase the texts of cases whose time is over; gives how many that were."""
    due = [
        case
        for each in (_due(session, now), _left_behind(now))
        for case in session.exec(each.limit(AT_ONCE).with_for_update(skip_locked=True)).all()
    ]
    for case in due:
        for one in (case, *merged_in(session, case)):
            # A merged one on hold keeps its texts; it is erased when its own hold is over.
            if one.erased_at is None and _hold_of(session, one, now) is None:
                _erase(session, one, now)
    session.flush()
    return len(due)


def erase_due_contacts(session: Session, now: datetime) -> int:
    """Erase calls and mails that belong to no case and are as old as that; gives how many."""
    over = now - limits_of(session).windows[Window.RETENTION]
    due = session.exec(
        select(Contact)
        .join(TextKey, col(TextKey.id) == col(Contact.text_key_id))
        .where(
            col(Contact.case_id).is_(None),
            # What nobody has read yet is not erased unread.
            col(Contact.wrap_up) != WrapUp.TO_SORT.value,
            col(Contact.at) <= over,
            col(TextKey.wrapped).is_not(None),
        )
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=Contact)
    ).all()
    for contact in due:
        _erase_contact(session, contact, now)
    session.flush()
    if due:
        audit.record(
            session,
            "erase_contacts",
            author=_CLOCK.author,
            subject="contacts",
            details={"count": len(due)},
        )
    return len(due)


_KEEPERS: Final = frozenset({Part.OFFICER, Part.CHAIR, Part.NEXT_CHAIR})


def _of_officer(session: Session, subject: int | str, actor: Actor) -> Case:
    require_writer(actor, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    if not parts_of(session, case, actor) & _KEEPERS:
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    if case.erased_at is not None:
        raise Refused(CasesRefusal.TEXT_ERASED)
    return case


def _due(session: Session, now: datetime) -> SelectOfScalar[Case]:
    kept = limits_of(session).windows[Window.RETENTION]
    return select(Case).where(_over(now - kept), ~_held(now)).order_by(col(Case.state_since))


def _left_behind(now: datetime) -> SelectOfScalar[Case]:
    """Merged cases that a hold kept when the one they went into was erased, and keeps no more."""
    erased = select(_GoesOn.id).where(col(_GoesOn.erased_at).is_not(None))
    return select(Case).where(
        col(Case.erased_at).is_(None),
        col(Case.state) == CaseState.MERGED.value,
        col(Case.merged_into).in_(erased),
        ~_held(now),
    )


def _over(before: datetime) -> ColumnElement[bool]:
    """Ended by then and not erased: the words of the index ``ix_case_file_kept``."""
    return and_(
        col(Case.erased_at).is_(None),
        col(Case.state).in_(_KEPT_BY_CLOCK),
        col(Case.state_since) <= before,
    )


def _held(now: datetime) -> ColumnElement[bool]:
    return exists().where(
        col(CaseHold.case_id) == col(Case.id),
        col(CaseHold.lifted_at).is_(None),
        col(CaseHold.until) > now,
    )


def _hold_of(session: Session, case: Case, now: datetime) -> CaseHold | None:
    return session.exec(
        select(CaseHold).where(
            col(CaseHold.case_id) == case.id,
            col(CaseHold.lifted_at).is_(None),
            col(CaseHold.until) > now,
        )
    ).first()


def _erase(session: Session, case: Case, now: datetime) -> None:
    assert case.id is not None
    destroy_text_key(session, case.text_key_id, now=now)
    for contact in session.exec(select(Contact).where(col(Contact.case_id) == case.id)).all():
        _erase_contact(session, contact, now)
    session.execute(delete(Complainant).where(col(Complainant.case_id) == case.id))
    files = select(Evidence.id).where(col(Evidence.case_id) == case.id)
    session.execute(delete(EvidencePiece).where(col(EvidencePiece.evidence_id).in_(files)))
    case.erased_at = now
    session.add(case)
    audit.record(
        session,
        "erase_case",
        author=_CLOCK.author,
        subject=f"case:{case.id}",
        details={"ended": case.state_since.date().isoformat()},
    )


def _erase_contact(session: Session, contact: Contact, now: datetime) -> None:
    destroy_text_key(session, contact.text_key_id, now=now)
    session.execute(
        update(Contact)
        .where(col(Contact.id) == contact.id)
        .values(caller=None, caller_digest=None, body_digest=None)
    )
