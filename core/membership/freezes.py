"""Acts on the admission freeze. It begins and ends by the clock; every act has a reason."""

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import text
from sqlmodel import Session, col, select

from core import clock
from core.audit.rules import Author
from core.audit.service import record
from core.database import is_sqlite
from core.errors import Refused
from core.membership.models import AdmissionFloor, AdmissionFreeze, FreezeAct
from core.membership.queries import freeze_floor
from core.membership.rules import (
    FreezeActKind,
    FreezePeriod,
    FreezeState,
    MembershipRefusal,
    check_freeze,
)
from core.staff import approvals
from core.staff.rules import ActKind, Actor, Role, require_writer


def freeze_admission(
    session: Session,
    *,
    actor: Actor,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    now: datetime,
) -> int:
    """Suspend admission in ``[starts_at, ends_at)``; gives the freeze's id. Organizers only.

    Refused when it begins in the past, meets another freeze or ends before voting does.
    """
    require_writer(actor, Role.ORGANIZER, place=None)
    _check_reason(reason)
    _lock_freezes(session)
    others = session.exec(select(AdmissionFreeze).where(col(AdmissionFreeze.ends_at) > now)).all()
    check_freeze(
        FreezePeriod(starts_at, ends_at),
        now=now,
        floor=freeze_floor(session),
        others=[FreezePeriod(row.starts_at, row.ends_at) for row in others],
    )
    row = AdmissionFreeze(starts_at=starts_at, ends_at=ends_at)
    session.add(row)
    session.flush()
    _act(session, row, FreezeActKind.FROZEN, author=actor.author, reason=reason, now=now)
    assert row.id is not None
    return row.id


def extend_freeze(
    session: Session,
    freeze_id: int,
    *,
    actor: Actor,
    ends_at: datetime,
    reason: str,
    now: datetime,
) -> None:
    """Move the end of a freeze that is not over to a later instant. Organizers only."""
    require_writer(actor, Role.ORGANIZER, place=None)
    _check_reason(reason)
    row = _not_over(session, freeze_id, now)
    if ends_at <= row.ends_at:
        raise Refused(MembershipRefusal.FREEZE_END_NOT_LATER)
    _move_end(session, row, ends_at)
    _act(session, row, FreezeActKind.EXTENDED, author=actor.author, reason=reason, now=now)


def end_freeze_early(
    session: Session, freeze_id: int, *, actor: Actor, reason: str, now: datetime
) -> None:
    """End a freeze now, once voting is over. Before that it takes two people.

    Refused as ``freeze_needs_two`` before the end of voting: see `propose_lifting`.
    """
    require_writer(actor, Role.ORGANIZER, place=None)
    _check_reason(reason)
    row = _not_over(session, freeze_id, now)
    floor = freeze_floor(session)
    if floor is not None and now < floor:
        raise Refused(MembershipRefusal.FREEZE_NEEDS_TWO, floor=floor)
    _lift(session, row, actor=actor, second=None, reason=reason, now=now)


def propose_lifting(
    session: Session, freeze_id: int, *, actor: Actor, reason: str, now: datetime
) -> approvals.Proposal:
    """Propose to lift a freeze before voting ends; a second organizer decides."""
    require_writer(actor, Role.ORGANIZER, place=None)
    _not_over(session, freeze_id, now)
    return approvals.propose(
        session,
        ActKind.LIFT_FREEZE_EARLY,
        actor=actor,
        payload={"freeze_id": freeze_id},
        reason=reason,
        now=now,
    )


def confirm_lifting(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> None:
    """Lift the freeze of a proposal at once, as a second, independent organizer.

    From then on people can be admitted who may vote for somebody's own candidates, unless the
    cut-off keeps them off the roll: the act voids the rule that a freeze outlasts voting.
    """
    require_writer(actor, Role.ORGANIZER, place=None)
    proposal = approvals.confirm(
        session, proposal_id, kind=ActKind.LIFT_FREEZE_EARLY, actor=actor, now=now
    )
    row = _not_over(session, int(proposal.payload["freeze_id"]), now)
    _lift(session, row, actor=actor, second=proposal.proposed_by, reason=proposal.reason, now=now)


def set_freeze_floor(
    session: Session, until: datetime, *, author: Author, now: datetime | None = None
) -> None:
    """Remember the end of voting, which no freeze may precede; the primary tells it at each move.

    Refused when a freeze that is not over ends earlier: shift its end first.
    """
    _lock_freezes(session)
    present = now or clock.now()
    short = select(AdmissionFreeze.id).where(
        col(AdmissionFreeze.ends_at) > present,
        col(AdmissionFreeze.ends_at) < until,
        col(AdmissionFreeze.ends_at) > col(AdmissionFreeze.starts_at),
    )
    if session.exec(short).first() is not None:
        raise Refused(MembershipRefusal.FREEZE_END_BEFORE_FLOOR, floor=until)
    row = session.get(AdmissionFloor, 1)
    if row is None:
        row = AdmissionFloor(until=until, set_at=present)
    row.until, row.set_at = until, present
    session.add(row)
    session.flush()
    record(
        session,
        "set_freeze_floor",
        author=author,
        subject="admission_floor:1",
        details={"until": until.isoformat()},
    )


def shift_freeze_end(
    session: Session, by: timedelta, *, author: Author, reason: str, now: datetime
) -> datetime | None:
    """Move the end of the freeze that is not over by as much as voting is extended.

    Gives the new end; None when no freeze is in force or planned.
    """
    _lock_freezes(session)
    row = session.exec(
        select(AdmissionFreeze)
        .where(
            col(AdmissionFreeze.ends_at) > now,
            col(AdmissionFreeze.ends_at) > col(AdmissionFreeze.starts_at),
        )
        .order_by(col(AdmissionFreeze.ends_at).desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    if by <= timedelta(0):
        raise Refused(MembershipRefusal.FREEZE_END_NOT_LATER)
    _move_end(session, row, row.ends_at + by)
    _act(session, row, FreezeActKind.SHIFTED, author=author, reason=reason, now=now)
    return row.ends_at


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused(MembershipRefusal.REASON_MISSING)


def _lock_freezes(session: Session) -> None:
    # Two freezes set at once must see each other; SQLite's writers take turns anyway.
    if not is_sqlite(session):
        session.execute(text("LOCK TABLE admission_freeze IN SHARE ROW EXCLUSIVE MODE"))


def _not_over(session: Session, freeze_id: int, now: datetime) -> AdmissionFreeze:
    _lock_freezes(session)
    row = session.get(AdmissionFreeze, freeze_id)
    if row is None:
        raise Refused(MembershipRefusal.FREEZE_UNKNOWN)
    if FreezePeriod(row.starts_at, row.ends_at).state(now) is FreezeState.OVER:
        raise Refused(MembershipRefusal.FREEZE_OVER)
    return row


def _move_end(session: Session, row: AdmissionFreeze, ends_at: datetime) -> None:
    later = select(AdmissionFreeze.id).where(
        col(AdmissionFreeze.id) != row.id,
        col(AdmissionFreeze.starts_at) >= row.starts_at,
        col(AdmissionFreeze.starts_at) < ends_at,
        col(AdmissionFreeze.ends_at) > col(AdmissionFreeze.starts_at),
    )
    if session.exec(later).first() is not None:
        raise Refused(MembershipRefusal.FREEZE_OVERLAPS)
    row.ends_at = ends_at
    session.add(row)


def _lift(
    session: Session,
    row: AdmissionFreeze,
    *,
    actor: Actor,
    second: int | None,
    reason: str,
    now: datetime,
) -> None:
    # One that was only planned becomes empty: it never was in force.
    row.ends_at = max(now, row.starts_at)
    session.add(row)
    # Whoever proposed is the act's author, whoever confirmed its second person.
    first = actor.author if second is None else Author.staff(second)
    _act(
        session,
        row,
        FreezeActKind.LIFTED,
        author=first,
        reason=reason,
        now=now,
        second=actor.account_id if second is not None else None,
    )


_VERBS = {
    FreezeActKind.FROZEN: "freeze_admission",
    FreezeActKind.EXTENDED: "extend_freeze",
    FreezeActKind.SHIFTED: "shift_freeze_end",
    FreezeActKind.LIFTED: "lift_freeze",
}


def _act(
    session: Session,
    row: AdmissionFreeze,
    kind: FreezeActKind,
    *,
    author: Author,
    reason: str,
    now: datetime,
    second: int | None = None,
) -> None:
    session.add(
        FreezeAct(
            freeze_id=cast(int, row.id),
            kind=kind.value,
            reason=reason.strip(),
            at=now,
            author_id=author.account_id,
            second_id=second,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
        )
    )
    session.flush()
    record(
        session,
        _VERBS[kind],
        author=author,
        subject=f"freeze:{row.id}",
        details={"starts_at": row.starts_at.isoformat(), "ends_at": row.ends_at.isoformat()},
    )
