"""Entering a state: clocks set, the old deadline ended, the move written down and audited."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.cases.ciphers import TextCipher
from core.cases.clocks import (
    CLOCKS,
    Calendar,
    appeal_until,
    deadline,
    resumed_deadline,
    time_left,
)
from core.cases.commissions import level_of, route
from core.cases.models import Case, CaseMove, Deadline
from core.cases.reminders import set_reminders
from core.cases.rules import CaseState, Channel, Level, Move, Urgency
from core.staff.rules import Actor


def enter_state(
    session: Session,
    case: Case,
    target: CaseState,
    *,
    move: Move,
    actor: Actor,
    at: datetime,
    calendar: Calendar,
    cipher: TextCipher,
    particulars: dict[str, Any] | None = None,
    second_id: int | None = None,
    public: bool = False,
) -> None:
    """Take the case to ``target`` at ``at``. The caller has checked that it may be."""
    assert case.id is not None
    source = CaseState(case.state) if case.version else None
    working = calendar.working
    urgency = Urgency(case.urgency)
    if target is CaseState.NEEDS_INFO:
        case.came_from = case.state
        left = (
            time_left(case.due_at, at, urgency=urgency, calendar=working) if case.due_at else None
        )
        case.time_left = int(left.total_seconds()) if left is not None else None
        case.pauses += 1
    if target is CaseState.MERGED:
        case.came_from = case.state
    case.due_at = deadline(
        target,
        at,
        urgency=urgency,
        calendar=working,
        election=calendar.election,
        limits=calendar.limits,
        channel=Channel(case.channel),
    )
    if source is CaseState.NEEDS_INFO and move is Move.ANSWER and case.time_left is not None:
        case.due_at = resumed_deadline(
            at, timedelta(seconds=case.time_left), urgency=urgency, calendar=working
        )
        case.time_left = None
    case.state, case.state_since = target.value, at
    case.clock_at = _clock_at(case, target)
    if move in {Move.REFUSE, Move.REFUSE_APPEAL} or source is CaseState.DECIDED:
        case.told_at = at
        case.appeal_until = appeal_until(at, calendar.election, calendar.limits)
    case.next_commission_id = _who_may_reopen(session, case) if target is CaseState.CLOSED else None
    case.version += 1
    session.add(case)
    if source is not None:
        _end_deadline(session, case, at)
        set_reminders(session, case, at=at)
    session.add(Deadline(case_id=case.id, state=target.value, started_at=at, due_at=case.due_at))
    session.add(
        CaseMove(
            case_id=case.id,
            move=move.value,
            source=source.value if source else None,
            target=target.value,
            account_id=None if actor.is_system else actor.account_id,
            second_id=second_id,
            commission_id=case.commission_id,
            at=at,
            particulars=cipher.seal_fields(particulars) if particulars else None,
        )
    )
    session.flush()
    audit.record(
        session,
        "move_case",
        author=actor.author if not public else type(actor.author).public(),
        subject=f"case:{case.id}",
        details={
            "move": move.value,
            "from": source.value if source else None,
            "to": target.value,
            "commission": case.commission_id,
            "second": second_id,
        },
    )


def _clock_at(case: Case, state: CaseState) -> datetime | None:
    if state is CaseState.RECEIVED:
        return case.acknowledged_at
    clock = CLOCKS.get(state)
    return case.due_at if clock and clock.acts else None


def _who_may_reopen(session: Session, case: Case) -> int | None:
    level = level_of(session, case.commission_id)
    if level is Level.NONE or case.commission_id is None:
        return None
    return route(
        session,
        case,
        above=level,
        without=(case.commission_id,),
        sideways=level is Level.CENTRE,
    )


def _end_deadline(session: Session, case: Case, at: datetime) -> None:
    running = session.exec(
        select(Deadline).where(col(Deadline.case_id) == case.id, col(Deadline.ended_at).is_(None))
    ).all()
    for row in running:
        row.ended_at = at
        session.add(row)
