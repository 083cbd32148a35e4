"""Cases that go on as one: several people complain of the same thing, and each stays a complainant.

What one of them does binds nobody else. Whoever holds the code of a merged case adds to it, follows
the case that goes on, and appeals against its decision; when the complainant of the case that goes
on withdraws, those that were merged into it go on by themselves.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, or_, select

from core.cases.ciphers import cipher_of
from core.cases.election import calendar_of
from core.cases.history import enter_state
from core.cases.models import Case
from core.cases.rules import CaseState, Move
from core.staff.rules import Actor

MERGED_INTO: Final = frozenset(
    {
        CaseState.RECEIVED,
        CaseState.TRIAGE,
        CaseState.NEEDS_INFO,
        CaseState.ADMISSIBILITY,
        CaseState.ASSIGNED,
        CaseState.INVESTIGATION,
    }
)
"""States that take others in: what a decision rests on is not frozen yet."""

_CLOCK: Final = Actor.system("clock")


def lock_together(session: Session, numbers: Iterable[str]) -> None:
    """Lock cases with these numbers, those they went into and those that went into them, always in
    the same order: two people who merge two cases into each other take turns.
    """
    own = session.exec(
        select(Case.id, Case.merged_into).where(col(Case.number).in_(list(numbers)))
    ).all()
    ids = {key for row in own for key in row if key is not None}
    session.exec(
        select(Case.id)
        .where(or_(col(Case.id).in_(ids), col(Case.merged_into).in_(ids)))
        .order_by(col(Case.id))
        .with_for_update()
    ).all()


def goes_on_as(session: Session, case: Case) -> Case:
    """The case itself, or the one that it went into at last."""
    while case.state == CaseState.MERGED.value and case.merged_into is not None:
        case = session.get_one(Case, case.merged_into)
    return case


def merged_in(session: Session, case: Case) -> list[Case]:
    """Every case that goes on as this one, at any remove, in the order of their numbers' ids."""
    found = session.exec(
        select(Case)
        .where(col(Case.merged_into) == case.id, col(Case.state) == CaseState.MERGED.value)
        .order_by(col(Case.id))
    ).all()
    return [each for one in found for each in (one, *merged_in(session, one))]


def let_go(session: Session, case: Case, *, now: datetime) -> int:
    """Let the cases that were merged into this one go on by themselves, each from the state it came
    from; gives how many.
    """
    own = session.exec(
        select(Case)
        .where(col(Case.merged_into) == case.id, col(Case.state) == CaseState.MERGED.value)
        .order_by(col(Case.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for one in own:
        one.merged_into = None
        enter_state(
            session,
            one,
            CaseState(one.came_from or CaseState.TRIAGE.value),
            move=Move.UNMERGE,
            actor=_CLOCK,
            at=now,
            calendar=calendar_of(session),
            cipher=cipher_of(session, one.text_key_id),
        )
    return len(own)
