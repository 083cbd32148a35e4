"""What a conflict does to a case: it leaves a commission that can no longer sit over it.

Asked after everything that takes people out of a case (a respondent added, an interest declared, a
challenge raised or accepted), in the same transaction.
"""

from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.cases.access import able_members, default_lead
from core.cases.ciphers import cipher_of
from core.cases.commissions import level_of, route, sittings
from core.cases.election import calendar_of
from core.cases.history import enter_state
from core.cases.models import Case, CaseMove, Challenge
from core.cases.rules import CaseState, Direction, Level, Move, PassReason
from core.staff.rules import Actor, Office

_CLOCK: Final = Actor.system("clock")
_BEFORE_A_PANEL: Final = frozenset({CaseState.RECEIVED, CaseState.TRIAGE, CaseState.ADMISSIBILITY})
_HEARD: Final = frozenset({CaseState.ASSIGNED, CaseState.INVESTIGATION, CaseState.DELIBERATION})
_WITH_OFFICERS: Final = frozenset({CaseState.DECIDED, CaseState.REMEDY, CaseState.APPEAL})


def challenged_in(session: Session, case_id: int) -> frozenset[int]:
    """Against whom a challenge waits for its decision."""
    return frozenset(
        session.exec(
            select(Challenge.account_id).where(
                col(Challenge.case_id) == case_id, col(Challenge.decided_at).is_(None)
            )
        ).all()
    )


def can_sit(session: Session, case: Case) -> bool:
    """Whether at least half of the commission in charge may sit, an officer among them.

    Who is challenged counts as one who may not: a challenge of more than half is not for the rest
    to decide.
    """
    assert case.id is not None
    members = sittings(session, case.commission_id)
    able = able_members(session, case, case.commission_id)
    unchallenged = able.keys() - challenged_in(session, case.id)
    officer = any(office is not Office.MEMBER for office in able.values())
    return officer and 2 * len(unchallenged) >= len(members)


def make_way(session: Session, case: Case, *, now: datetime) -> None:
    """Take a case out of a commission that can't sit over it any more, and from a lead who can't.

    Up by the level rule, from the centre to another panel. Where nobody stands above, it stays and
    is shown as overdue when its time is over.
    """
    state = CaseState(case.state)
    if case.commission_id is None:
        return
    if state in _BEFORE_A_PANEL or _is_paused_from_triage(case):
        _hand_over(session, case, route(session, case))
        return
    able = able_members(session, case, case.commission_id)
    if case.lead_id is not None and case.lead_id not in able:
        case.lead_id = default_lead(session, case, case.commission_id)
        session.add(case)
        session.flush()
    if can_sit(session, case):
        return
    if state in _HEARD:
        _pass_up(session, case, now)
    elif state in _WITH_OFFICERS or state is CaseState.NEEDS_INFO:
        target = _above(session, case)
        if _hand_over(session, case, target) and state is CaseState.NEEDS_INFO:
            # The answer finds other people: they accept the case and declare before they go on.
            case.came_from = CaseState.ASSIGNED.value
            case.lead_id = default_lead(session, case, target)
            session.flush()


def _is_paused_from_triage(case: Case) -> bool:
    return (case.state, case.came_from) == (CaseState.NEEDS_INFO.value, CaseState.TRIAGE.value)


def _above(session: Session, case: Case) -> int | None:
    had_it = session.exec(
        select(CaseMove.commission_id).where(
            col(CaseMove.case_id) == case.id, col(CaseMove.commission_id).is_not(None)
        )
    ).all()
    level = level_of(session, case.commission_id)
    return route(
        session,
        case,
        above=level,
        without={number for number in (*had_it, case.commission_id) if number is not None},
        sideways=level is Level.CENTRE,
    )


def _hand_over(session: Session, case: Case, target: int | None) -> bool:
    if target is None or target == case.commission_id:
        return False
    case.commission_id = target
    session.add(case)
    session.flush()
    audit.record(
        session,
        "hand_over_case",
        author=_CLOCK.author,
        subject=f"case:{case.id}",
        details={"commission": target},
    )
    return True


def _pass_up(session: Session, case: Case, now: datetime) -> None:
    target = _above(session, case)
    if target is None:
        return
    case.commission_id, case.lead_id = target, default_lead(session, case, target)
    enter_state(
        session,
        case,
        CaseState.ASSIGNED,
        move=Move.PASS_ON,
        actor=_CLOCK,
        at=now,
        calendar=calendar_of(session),
        cipher=cipher_of(session, case.text_key_id),
        particulars={
            "pass_reason": PassReason.CONFLICT.value,
            "direction": Direction.UP.value,
        },
    )
