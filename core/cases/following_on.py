"""A new case that follows a closed one, above all retaliation for it: it goes one level higher."""

from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.cases.access import find_case, parts_of
from core.cases.commissions import route
from core.cases.conflicts import not_in_conflict
from core.cases.models import Case
from core.cases.receipts import parse_number
from core.cases.recusal import make_way
from core.cases.rules import END_STATES, CasesRefusal, CaseState, Part
from core.errors import Refused
from core.staff.rules import Actor, Role, require, require_writer

_WHILE: Final = frozenset({CaseState.RECEIVED, CaseState.TRIAGE, CaseState.ADMISSIBILITY})


def may_follow_on(session: Session, actor: Actor, number: str) -> bool:
    """Whether the actor may say of a case which one it follows: operator or officer, until it is
    assigned.
    """
    require(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, number)
    parts = parts_of(session, case, actor) & {Part.OPERATOR, Part.OFFICER}
    return bool(parts) and CaseState(case.state) in _WHILE and not actor.read_only


def followed_case(session: Session, actor: Actor, number: str) -> str | None:
    """The number of the case that this one follows, unless it does not exist for the actor."""
    require(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, number)
    return session.exec(
        select(Case.number).where(col(Case.id) == case.follows, not_in_conflict(session, actor))
    ).first()


def follow_on(
    session: Session, subject: int | str, *, actor: Actor, earlier: str, now: datetime
) -> None:
    """Note that a case follows the ended case number ``earlier``, and take it one level higher.

    A complainant who has been punished rings any operator: the earlier case need not lie on the
    actor's own desk. One that names the actor, or has not ended, is refused as ``no_such_case``.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    if not parts_of(session, case, actor) & {Part.OPERATOR, Part.OFFICER}:
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    if CaseState(case.state) not in _WHILE:
        raise Refused(CasesRefusal.CHANGED_MEANWHILE, state=CaseState(case.state))
    found = session.exec(
        select(Case).where(
            col(Case.number) == (parse_number(earlier) or ""),
            col(Case.id) != case.id,
            col(Case.state).in_([state.value for state in END_STATES]),
            not_in_conflict(session, actor),
        )
    ).one_or_none()
    if found is None:
        raise Refused(CasesRefusal.NO_SUCH_CASE)
    case.follows = found.id
    session.add(case)
    session.flush()
    audit.record(session, "follow_on", author=actor.author, subject=f"case:{case.id}")
    if case.commission_id is None:
        case.commission_id = route(session, case)
        session.add(case)
        session.flush()
    make_way(session, case, now=now)
