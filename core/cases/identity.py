"""Who complains: shown to one person for an hour, after a reason and a second person's yes.

The complainant sees every opening with its reason. Until somebody else of those who work on the
case has agreed, nothing is decrypted, whoever asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.cases.access import exists_for, find_case, parts_of
from core.cases.ciphers import cipher_of
from core.cases.models import Case, CaseAccess, Complainant, IdentityRequest, PendingMove
from core.cases.rules import MAX_TEXT, CasePart, CasesRefusal
from core.errors import Refused
from core.staff import queries as staff_queries
from core.staff.approvals import are_independent
from core.staff.rules import Actor, Role, require, require_writer

OPEN_FOR: Final = timedelta(hours=1)
"""How long the one who asked may look after the second person agreed."""

WAITS_FOR: Final = timedelta(days=1)
"""How long a request waits for a second person; then it must be asked anew."""

_REASON_AT_LEAST: Final = 8


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who complains and how they may be reached; None for what nobody gave."""

    name: str | None
    phone: str | None
    email: str | None
    reach: str | None


@dataclass(frozen=True, kw_only=True)
class RequestView:
    """A request that waits for a second person."""

    id: int
    who: str
    reason: str | None
    asked_at: datetime
    is_own: bool


@dataclass(frozen=True, kw_only=True)
class IdentityDesk:
    """What one person may do about a complainant's identity now."""

    waiting: Sequence[RequestView]
    open_until: datetime | None
    """Until when this person may look."""


def ask_identity(
    session: Session, subject: int | str, *, actor: Actor, reason: str, now: datetime
) -> None:
    """Ask to see who complains, with a reason of some words.

    Refused as ``reason_missing``, ``text_too_long``, ``not_yours_to_move``, and as
    ``identity_asked`` while an earlier request of the same person waits or holds.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    assert case.id is not None
    if len(reason.strip()) < _REASON_AT_LEAST:
        raise Refused(CasesRefusal.REASON_MISSING)
    if len(reason) > MAX_TEXT:
        raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    if not parts_of(session, case, actor):
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    own = col(IdentityRequest.account_id) == actor.account_id
    known = select(IdentityRequest).where(
        col(IdentityRequest.case_id) == case.id, own, or_(_waits(now), _holds(now))
    )
    if session.exec(known).first() is not None:
        raise Refused(CasesRefusal.IDENTITY_ASKED)
    session.add(
        IdentityRequest(
            case_id=case.id,
            account_id=actor.account_id,
            reason=cipher_of(session, case.text_key_id).seal(reason.strip()),
            asked_at=now,
        )
    )
    session.flush()
    audit.record(session, "ask_identity", author=actor.author, subject=f"case:{case.id}")


def decide_identity(
    session: Session,
    subject: int | str,
    request_id: int,
    *,
    actor: Actor,
    allow: bool,
    now: datetime,
) -> None:
    """Allow or refuse, as a second person, a request; who asked may take the own one back.

    Refused as ``same_person_twice``, ``second_not_independent`` (one account made or reset the
    other), and as ``nothing_to_confirm`` when it was decided, taken back or is a day old.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    if not parts_of(session, case, actor):
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    row = session.exec(
        select(IdentityRequest).where(
            col(IdentityRequest.id) == request_id,
            col(IdentityRequest.case_id) == case.id,
            _waits(now),
        )
    ).one_or_none()
    if row is None:
        raise Refused(CasesRefusal.NOTHING_TO_CONFIRM)
    if allow:
        if row.account_id == actor.account_id:
            raise Refused(CasesRefusal.SAME_PERSON_TWICE)
        if not are_independent(session, row.account_id, actor.account_id):
            raise Refused(CasesRefusal.SECOND_NOT_INDEPENDENT)
    row.second_id, row.decided_at, row.allowed = actor.account_id, now, allow
    session.add(row)
    session.flush()
    audit.record(
        session,
        "decide_identity",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"allowed": allow, "asked_by": row.account_id},
    )


def open_identity(session: Session, subject: int | str, *, actor: Actor, now: datetime) -> Identity:
    """Who complains, for an hour after a second person has agreed. Every opening is logged, and
    the complainant sees it with its reason. Refused as ``identity_not_allowed``.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject)
    assert case.id is not None
    if not parts_of(session, case, actor):
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    request = _held(session, case, actor, now)
    if request is None:
        raise Refused(CasesRefusal.IDENTITY_NOT_ALLOWED)
    cipher = cipher_of(session, case.text_key_id)
    session.add(
        CaseAccess(
            case_id=case.id,
            account_id=actor.account_id,
            part=CasePart.IDENTITY.value,
            reason=request.reason,
            at=now,
        )
    )
    session.flush()
    audit.record(
        session,
        "open_identity",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"allowed_by": request.second_id},
    )
    row = session.get(Complainant, case.id)
    if row is None:
        return Identity(name=None, phone=None, email=None, reach=None)
    return Identity(
        name=cipher.open(row.name),
        phone=cipher.open(row.phone),
        email=cipher.open(row.email),
        reach=cipher.open(row.reach),
    )


def identity_desk(
    session: Session, actor: Actor, subject: int | str, *, now: datetime
) -> IdentityDesk:
    """Requests that wait in a case, and until when the actor may look."""
    require(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject)
    if not parts_of(session, case, actor):
        return IdentityDesk(waiting=(), open_until=None)
    cipher = cipher_of(session, case.text_key_id)
    rows = session.exec(
        select(IdentityRequest)
        .where(col(IdentityRequest.case_id) == case.id, _waits(now))
        .order_by(col(IdentityRequest.id))
    ).all()
    names = staff_queries.names(session, [row.account_id for row in rows])
    held = _held(session, case, actor, now)
    return IdentityDesk(
        waiting=tuple(
            RequestView(
                id=row.id or 0,
                who=names.get(row.account_id, ""),
                reason=cipher.open(row.reason),
                asked_at=row.asked_at,
                is_own=row.account_id == actor.account_id,
            )
            for row in rows
        ),
        open_until=held.decided_at + OPEN_FOR if held and held.decided_at else None,
    )


def waiting_for_second(session: Session, actor: Actor, *, now: datetime) -> tuple[str, ...]:
    """Numbers of cases in which something of somebody else waits for a second person, which the
    actor may be: a request to see who complains, or a move.
    """
    require(actor, Role.OPERATOR, Role.COMMISSIONER)
    found: set[str] = set()
    asked = (col(IdentityRequest.account_id) != actor.account_id, _waits(now))
    moved = (col(PendingMove.account_id) != actor.account_id,)
    for table, conditions in ((IdentityRequest, asked), (PendingMove, moved)):
        cases = session.exec(
            select(Case)
            .join(table, col(table.case_id) == col(Case.id))
            .where(exists_for(session, actor), *conditions)
        ).all()
        found |= {case.number for case in cases if parts_of(session, case, actor)}
    return tuple(sorted(found))


def _waits(now: datetime) -> ColumnElement[bool]:
    return col(IdentityRequest.decided_at).is_(None) & (
        col(IdentityRequest.asked_at) > now - WAITS_FOR
    )


def _holds(now: datetime) -> ColumnElement[bool]:
    return col(IdentityRequest.allowed).is_(True) & (
        col(IdentityRequest.decided_at) > now - OPEN_FOR
    )


def _held(session: Session, case: Case, actor: Actor, now: datetime) -> IdentityRequest | None:
    return session.exec(
        select(IdentityRequest)
        .where(
            col(IdentityRequest.case_id) == case.id,
            col(IdentityRequest.account_id) == actor.account_id,
            _holds(now),
        )
        .order_by(col(IdentityRequest.id).desc())
    ).first()
