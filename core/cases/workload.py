"""What lies before a commission and its members, and what is overdue below it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, true
from sqlmodel import Session, col, select

from core import places
from core.cases.access import exists_for
from core.cases.commissions import seats_of, sittings
from core.cases.conflicts import not_in_conflict
from core.cases.models import Case, CaseReminder, Commission
from core.cases.reminders import ReminderKind
from core.cases.rules import END_STATES, CaseState, Level
from core.staff import queries as staff_queries
from core.staff.rules import Actor, Office, Role, require

_OPEN = col(Case.state).not_in([state.value for state in END_STATES])


@dataclass(frozen=True, kw_only=True)
class MemberLoad:
    """How many open cases a member leads, and how many of them are overdue."""

    name: str
    office: Office
    led: int
    overdue: int


@dataclass(frozen=True, kw_only=True)
class AskAfter:
    """A closed case whose complainant is to be asked whether anybody takes revenge."""

    number: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class CommissionLoad:
    """The cases of an own commission, as far as they exist for the viewer."""

    id: int
    level: Level
    place: str | None
    title: str | None
    members: Sequence[MemberLoad]
    without_lead: int
    ask_after: Sequence[AskAfter]
    """Only for chair and secretary, who ask."""


@dataclass(frozen=True, kw_only=True)
class OverdueView:
    """What is open and overdue in a commission at or below the viewer's own."""

    level: Level
    place: str | None
    title: str | None
    open: int
    overdue: int
    oldest_due: datetime | None


def workload(session: Session, actor: Actor, *, now: datetime) -> tuple[CommissionLoad, ...]:
    """The commissions the actor sits in, with what each member leads."""
    require(actor, Role.COMMISSIONER)
    own = seats_of(session, actor.account_id)
    rows = session.exec(
        select(Commission).where(col(Commission.id).in_(own)).order_by(col(Commission.id))
    ).all()
    return tuple(_load(session, actor, row, own, now) for row in rows)


def _load(
    session: Session, actor: Actor, row: Commission, own: dict[int, Office], now: datetime
) -> CommissionLoad:
    assert row.id is not None
    chosen = (exists_for(session, actor), col(Case.commission_id) == row.id, _OPEN)
    counted = session.exec(
        select(Case.lead_id, func.count(), func.sum(case((col(Case.due_at) <= now, 1), else_=0)))
        .where(*chosen)
        .group_by(col(Case.lead_id))
    ).all()
    led = {lead: (count, int(overdue or 0)) for lead, count, overdue in counted}
    members = sittings(session, row.id)
    names = staff_queries.names(session, [member.account_id for member in members])
    return CommissionLoad(
        id=row.id,
        level=Level(row.level),
        place=row.place_code,
        title=row.title,
        members=tuple(
            MemberLoad(
                name=names.get(member.account_id, ""),
                office=member.office,
                led=led.get(member.account_id, (0, 0))[0],
                overdue=led.get(member.account_id, (0, 0))[1],
            )
            for member in members
        ),
        without_lead=led.get(None, (0, 0))[0],
        ask_after=_ask_after(session, actor, row.id, now)
        if own[row.id] is not Office.MEMBER
        else (),
    )


def _ask_after(
    session: Session, actor: Actor, commission_id: int, now: datetime
) -> tuple[AskAfter, ...]:
    rows = session.exec(
        select(Case.number, func.min(CaseReminder.due_at))
        .join(CaseReminder, col(CaseReminder.case_id) == col(Case.id))
        .where(
            exists_for(session, actor),
            col(Case.commission_id) == commission_id,
            col(Case.state) == CaseState.CLOSED.value,
            col(CaseReminder.kind) == ReminderKind.RETALIATION.value,
            col(CaseReminder.due_at) <= now,
            col(CaseReminder.answered_at).is_(None),
        )
        .group_by(col(Case.number))
        .order_by(func.min(CaseReminder.due_at), col(Case.number))
    ).all()
    return tuple(AskAfter(number=number, since=since) for number, since in rows)


def overdue_below(session: Session, actor: Actor, *, now: datetime) -> tuple[OverdueView, ...]:
    """Open and overdue cases of every commission at or below one whose chair or secretary looks.

    Counts only, and none of a case that names the viewer.
    """
    require(actor, Role.COMMISSIONER)
    held = [
        number
        for number, office in seats_of(session, actor.account_id).items()
        if office is not Office.MEMBER
    ]
    if not held:
        return ()
    own = session.exec(select(Commission.place_code).where(col(Commission.id).in_(held))).all()
    counted = session.exec(
        select(
            Commission,
            func.count(col(Case.id)),
            func.sum(case((col(Case.due_at) <= now, 1), else_=0)),
            func.min(case((col(Case.due_at) <= now, col(Case.due_at)))),
        )
        .join(Case, col(Case.commission_id) == col(Commission.id))
        .where(_under(own), _OPEN, not_in_conflict(session, actor))
        .group_by(col(Commission.id))
        .order_by(col(Commission.level).desc(), col(Commission.place_code), col(Commission.id))
    ).all()
    return tuple(
        OverdueView(
            level=Level(row.level),
            place=row.place_code,
            title=row.title,
            open=count,
            overdue=int(overdue or 0),
            oldest_due=oldest,
        )
        for row, count, overdue, oldest in counted
    )


def _under(own: Sequence[str | None]) -> ColumnElement[bool]:
    if None in own:
        return true()
    codes = [
        unit.code
        for unit in places.all_places()
        if {above.code for above in places.ancestors(unit.code)} & set(own)
    ]
    return col(Commission.place_code).in_(codes)
