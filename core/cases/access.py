"""The base query of every read and act: the cases that exist for an account, and its parts in one.

A case outside this query is answered as one that does not exist, never as a forbidden one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, and_, false, or_, true
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col, select

from core import places
from core.audit.queries import Unseen
from core.cases.commissions import seats_of, sittings
from core.cases.conflicts import cases_in_conflict, in_conflict, not_in_conflict
from core.cases.models import Case, CaseMove, Contact, Decision, DecisionVote
from core.cases.receipts import parse_number
from core.cases.rules import CasesRefusal, CaseState, Move, Part
from core.errors import Refused
from core.staff.rules import Actor, Office, Role

_GoesOn: Final = aliased(Case)


def exists_for(session: Session, actor: Actor) -> ColumnElement[bool]:
    """The condition on `Case` under which it exists for this account: within its desk, and naming
    it nowhere. The clock sees every case.
    """
    if actor.is_system:
        return true()
    return and_(_on_desk(session, actor), not_in_conflict(session, actor))


def _on_desk(session: Session, actor: Actor) -> ColumnElement[bool]:
    seats = seats_of(session, actor.account_id) if actor.has(Role.COMMISSIONER) else {}
    above = [number for number, office in seats.items() if office is not Office.MEMBER]
    ways: list[ColumnElement[bool]] = [
        and_(col(Case.commission_id).in_(seats), col(Case.state) != CaseState.RECEIVED.value),
        and_(col(Case.next_commission_id).in_(above), col(Case.state) == CaseState.CLOSED.value),
        # Whoever considers the case that goes on considers what was merged into it.
        and_(
            col(Case.state) == CaseState.MERGED.value,
            col(Case.merged_into).in_(
                select(_GoesOn.id).where(col(_GoesOn.commission_id).in_(seats))
            ),
        ),
    ]
    if actor.has(Role.OPERATOR):
        ways.append(and_(in_triage(), in_places(actor.places(Role.OPERATOR), col(Case.place_code))))
        own = select(Contact.case_id).where(
            col(Contact.account_id) == actor.account_id, col(Contact.case_id).is_not(None)
        )
        ways.append(col(Case.id).in_(own))
    return or_(false(), *ways)


def in_triage() -> ColumnElement[bool]:
    """The operators' queue: new cases, cases in triage, and those paused from there."""
    return or_(
        col(Case.state).in_((CaseState.RECEIVED.value, CaseState.TRIAGE.value)),
        and_(
            col(Case.state) == CaseState.NEEDS_INFO.value,
            col(Case.came_from) == CaseState.TRIAGE.value,
        ),
    )


def in_places(held: Iterable[str | None], place: Mapped[str | None]) -> ColumnElement[bool]:
    """The condition that ``place`` lies in what is held, or is not known."""
    codes = set(held)
    if None in codes:
        return true()
    covered = [
        unit.code
        for unit in places.all_places()
        if codes & {above.code for above in places.ancestors(unit.code)}
    ]
    # A case whose place nobody knows yet must not wait for an operator of the centre.
    return or_(place.in_(covered), place.is_(None))


def find_case(session: Session, actor: Actor, subject: int | str, *, lock: bool = False) -> Case:
    """A case by id or number if it exists for the actor; refused as ``no_such_case``."""
    key = (
        col(Case.id) == subject
        if isinstance(subject, int)
        else col(Case.number) == (parse_number(subject) or "")
    )
    statement = select(Case).where(key, exists_for(session, actor))
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    case = session.exec(statement).one_or_none()
    if case is None:
        raise Refused(CasesRefusal.NO_SUCH_CASE)
    return case


def unseen_acts(session: Session, actor: Actor, kinds: Sequence[str] = ()) -> Unseen:
    """What of the audit log this account does not get: acts on ``kinds`` of subjects, and every act
    on a case that does not exist for it, or that tells of one.
    """
    barred = dict(cases_in_conflict(session, actor))
    contacts = session.exec(select(Contact.id).where(col(Contact.case_id).in_(barred))).all()
    return Unseen(
        kinds=kinds,
        subjects=[
            *(f"case:{case_id}" for case_id in barred),
            *(f"contact:{contact_id}" for contact_id in contacts),
        ],
        words=list(barred.values()),
    )


def shown_subjects(session: Session, subjects: Iterable[str]) -> Mapping[str, str]:
    """How acts on the desk name what they were done to: a case by its random number, a contact not
    at all, because running numbers tell how many others there are.
    """
    of_cases = {
        int(which): subject
        for subject in subjects
        for kind, _colon, which in (subject.partition(":"),)
        if kind == "case" and which.isdecimal()
    }
    rows = session.exec(select(Case.id, Case.number).where(col(Case.id).in_(of_cases))).all()
    shown = {of_cases[case_id]: f"case:{number}" for case_id, number in rows if case_id}
    return shown | {subject: "contact" for subject in subjects if subject.startswith("contact:")}


def subject_of_number(session: Session, actor: Actor, typed: str) -> str:
    """What is typed to find acts, with a case's number (``case:K7Q2…``) as the log knows it."""
    kind, _colon, which = typed.partition(":")
    number = parse_number(which) if kind == "case" else None
    if number is None:
        return typed
    found = session.exec(
        select(Case.id).where(col(Case.number) == number, not_in_conflict(session, actor))
    ).first()
    return f"case:{found or 0}"


def parts_of(session: Session, case: Case, actor: Actor) -> frozenset[Part]:
    """Every part the actor plays in a case that exists for it."""
    assert case.id is not None
    if actor.is_system:
        return frozenset({Part.CLOCK})
    parts = set()
    place = case.place_code
    if actor.has(Role.OPERATOR, **({"place": place} if place else {})):
        parts.add(Part.OPERATOR)
    if not actor.has(Role.COMMISSIONER) or actor.account_id in former_panel(session, case):
        return frozenset(parts)
    officers = officers_of(session, case, case.commission_id)
    seats = seats_of(session, actor.account_id)
    appealed = case.state == CaseState.APPEAL.value
    if case.commission_id in seats:
        if case.lead_id == actor.account_id:
            parts.add(Part.LEAD)
        if seats[case.commission_id] is Office.CHAIR:
            parts.add(Part.CHAIR)
        if actor.account_id in officers:
            parts.add(Part.NEXT_OFFICER if appealed else Part.OFFICER)
    if case.next_commission_id is not None and seats.get(case.next_commission_id) is Office.CHAIR:
        parts.add(Part.NEXT_CHAIR)
    return frozenset(parts)


def is_inside(session: Session, case: Case, actor: Actor) -> bool:
    """Whether the actor sees what a commission has gathered in a case that exists for them: who may
    sit over it, and the chair it would be reopened by. Until it is with a commission, everybody.
    """
    if case.state in {CaseState.RECEIVED.value, CaseState.TRIAGE.value}:
        return True
    sits = actor.account_id in able_members(session, case, case.commission_id)
    if not sits and case.state == CaseState.MERGED.value and case.merged_into is not None:
        return is_inside(session, session.get_one(Case, case.merged_into), actor)
    return sits or Part.NEXT_CHAIR in parts_of(session, case, actor)


def able_members(session: Session, case: Case, commission_id: int | None) -> dict[int, Office]:
    """Who may sit over a case in a commission: members without conflict, none of a former panel."""
    assert case.id is not None
    members = sittings(session, commission_id)
    blocked = in_conflict(session, case.id, (member.account_id for member in members))
    former = former_panel(session, case)
    return {
        member.account_id: member.office
        for member in members
        if member.account_id not in blocked and member.account_id not in former
    }


def officers_of(session: Session, case: Case, commission_id: int | None) -> frozenset[int]:
    """The secretaries who may sit; without one the office falls to the chair."""
    able = able_members(session, case, commission_id)
    secretaries = {key for key, office in able.items() if office is Office.SECRETARY}
    return frozenset(secretaries or {key for key, office in able.items() if office is Office.CHAIR})


def default_lead(session: Session, case: Case, commission_id: int | None) -> int | None:
    """Who leads a case that nobody was named for: the chair, else a secretary, else a member."""
    able = able_members(session, case, commission_id)
    for office in (Office.CHAIR, Office.SECRETARY, Office.MEMBER):
        for account_id, held in able.items():
            if held is office:
                return account_id
    return None


def former_panel(session: Session, case: Case) -> frozenset[int]:
    """Everybody who decided before the last appeal: none of them may sit over it."""
    if case.appealed_at is None:
        return frozenset()
    # By the order of the moves, not by their instants: two may bear the same.
    moves = session.exec(
        select(CaseMove).where(col(CaseMove.case_id) == case.id).order_by(col(CaseMove.id))
    ).all()
    appeals = [place for place, made in enumerate(moves) if made.move == Move.APPEAL.value]
    before = moves[: appeals[-1]] if appeals else ()
    acts = [made for made in before if made.move in _MADE_BY_THE_PANEL]
    decided = sum(made.move == Move.DECIDE.value for made in acts)
    ballots = session.exec(
        select(DecisionVote.account_id).where(
            col(DecisionVote.decision_id).in_(
                select(Decision.id)
                .where(col(Decision.case_id) == case.id)
                .order_by(col(Decision.id))
                .limit(decided)
            )
        )
    ).all()
    people = {person for made in acts for person in (made.account_id, made.second_id)}
    return frozenset(person for person in (*people, *ballots) if person is not None)


_MADE_BY_THE_PANEL: Final = frozenset(
    move.value
    for move in (
        *(Move.ASSIGN, Move.REFUSE, Move.BEGIN, Move.DELIBERATE, Move.DECIDE),
        *(Move.ADMIT_APPEAL, Move.REFUSE_APPEAL),
    )
)
