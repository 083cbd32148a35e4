"""Substitutes: somebody sits in another's place for a time, with the same office.

While they do, the other's seat rests: nobody sits twice, and the quorum stays what it is. The clock
ends it at the given instant, on read or by the schedule alike.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.audit.rules import Author
from core.cases.access import able_members, default_lead
from core.cases.commissions import check_may_sit, commission_of, seated
from core.cases.models import Case, CommissionMember
from core.cases.rules import END_STATES, CasesRefusal
from core.errors import Refused
from core.staff.rules import Actor, Role, require_writer


def seat_substitute(
    session: Session,
    commission_id: int,
    *,
    actor: Actor,
    account_id: int,
    absent_id: int,
    until: datetime,
    now: datetime,
) -> None:
    """Let ``account_id`` sit in the place of ``absent_id`` until an instant. Organizers only.

    Refused as ``not_a_member`` when the absent one does not sit or the other may not, as
    ``already_a_member`` when somebody has a seat there already, as ``out_of_time`` for the past.
    """
    commission = commission_of(session, commission_id)
    require_writer(actor, Role.ORGANIZER, place=commission.place_code)
    check_may_sit(session, commission, account_id, actor=actor)
    if until <= now:
        raise Refused(CasesRefusal.OUT_OF_TIME)
    rows = {row.account_id: row for row in seated(session, commission_id)}
    absent = rows.get(absent_id)
    if absent is None or absent.stands_in_for is not None:
        raise Refused(CasesRefusal.NOT_A_MEMBER)
    if account_id in rows or any(row.stands_in_for == absent_id for row in rows.values()):
        raise Refused(CasesRefusal.ALREADY_A_MEMBER)
    row = session.exec(
        select(CommissionMember).where(
            col(CommissionMember.commission_id) == commission_id,
            col(CommissionMember.account_id) == account_id,
        )
    ).one_or_none() or CommissionMember(
        commission_id=commission_id, account_id=account_id, office=absent.office, since=now
    )
    row.office, row.since, row.until = absent.office, now, None
    row.stands_in_for, row.ends_at = absent_id, until
    session.add(row)
    session.flush()
    audit.record(
        session,
        "seat_substitute",
        author=actor.author,
        subject=f"commission:{commission_id}",
        details={"account": account_id, "absent": absent_id},
    )
    _pass_leads(session, commission_id, absent_id, account_id)


def end_substitution(
    session: Session, commission_id: int, *, actor: Actor, account_id: int, now: datetime
) -> None:
    """End a substitute's time early: the absent one is back."""
    commission = commission_of(session, commission_id)
    require_writer(actor, Role.ORGANIZER, place=commission.place_code)
    for row in seated(session, commission_id):
        if row.account_id == account_id and row.stands_in_for is not None:
            _end(session, row, at=now, author=actor.author)
            return
    raise Refused(CasesRefusal.NOT_A_MEMBER)


def end_due_substitutions(session: Session, now: datetime) -> int:
    """End the substitutions whose time is over, each at its own instant; gives how many."""
    rows = session.exec(
        select(CommissionMember)
        .where(col(CommissionMember.until).is_(None), col(CommissionMember.ends_at) <= now)
        .order_by(col(CommissionMember.id))
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        _end(session, row, at=row.ends_at or now, author=Author.system())
    return len(rows)


def is_substitution_over(session: Session, now: datetime) -> bool:
    """Whether `end_due_substitutions` would find anything."""
    over = select(CommissionMember.id).where(
        col(CommissionMember.until).is_(None), col(CommissionMember.ends_at) <= now
    )
    return session.exec(over.limit(1)).first() is not None


def _end(session: Session, row: CommissionMember, *, at: datetime, author: Author) -> None:
    absent_id = row.stands_in_for
    row.until, row.stands_in_for, row.ends_at = at, None, None
    session.add(row)
    session.flush()
    audit.record(
        session,
        "end_substitution",
        author=author,
        subject=f"commission:{row.commission_id}",
        details={"account": row.account_id, "absent": absent_id},
    )
    if absent_id is not None:
        _pass_leads(session, row.commission_id, row.account_id, absent_id)


def _pass_leads(session: Session, commission_id: int, leaving: int, coming: int) -> None:
    """The open cases that one led are led by the other, where they may sit over them."""
    cases = session.exec(
        select(Case).where(
            col(Case.commission_id) == commission_id,
            col(Case.lead_id) == leaving,
            col(Case.state).not_in([state.value for state in END_STATES]),
        )
    ).all()
    for case in cases:
        able = able_members(session, case, commission_id)
        case.lead_id = coming if coming in able else default_lead(session, case, commission_id)
        session.add(case)
    session.flush()
