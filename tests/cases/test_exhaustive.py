"""The table asked in every way: each state × everybody × each move × conflict × missing requirement."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import col, select

from core.cases import service
from core.cases.challenges import raise_challenge
from core.cases.models import CaseMove, ConflictDeclaration, Decision, Remedy
from core.cases.requirements import FIELDS
from core.cases.rules import (
    TABLE,
    CasesRefusal,
    CaseState,
    Move,
    Need,
    Part,
    Row,
    row_for,
)
from core.cases.service import Receipt
from core.database import unit_of_work
from core.errors import Refused
from core.staff.rules import Actor, Role, StaffRefusal
from tests.cases.conftest import Desk, build_desk
from tests.cases.test_moves import _ask_withdrawal, prepared
from tests.conftest import MakeActor

S, P = CaseState, Part
IN_TRIAGE = {S.RECEIVED, S.TRIAGE, S.NEEDS_INFO}
WITH_DISTRICT = set(CaseState) - {S.RECEIVED, S.APPEAL}
LED = {S.ASSIGNED, S.INVESTIGATION, S.DELIBERATION, S.DECIDED, S.REMEDY, S.CLOSED}

# Who sees a case in which states, and which part is played there: written out a second time, so that
# a slip in the code does not pass for a rule. The case lies with the district, on appeal with the
# region; the own operator took the call.
SEEN: dict[str, tuple[set[CaseState], Callable[[CaseState], set[Part]]]] = {
    "own operator": (set(CaseState), lambda _state: {P.OPERATOR}),
    "other operator": (IN_TRIAGE, lambda _state: {P.OPERATOR}),
    "district chair": (WITH_DISTRICT, lambda _state: {P.CHAIR}),
    "district secretary": (WITH_DISTRICT, lambda _state: {P.OFFICER}),
    "district lead": (WITH_DISTRICT, lambda state: {P.LEAD} if state in LED else set()),
    "district member": (WITH_DISTRICT, lambda _state: set()),
    "region chair": (
        {S.APPEAL, S.CLOSED},
        lambda state: {P.CHAIR} if state is S.APPEAL else {P.NEXT_CHAIR},
    ),
    "region secretary": (
        {S.APPEAL, S.CLOSED},
        lambda state: {P.NEXT_OFFICER} if state is S.APPEAL else set(),
    ),
    "centre chair": (set(), lambda _state: set()),
}


def everybody(desk: Desk, make_actor: MakeActor) -> dict[str, Actor]:
    district = desk.people["district"]
    return {
        "own operator": desk.operator,
        "other operator": make_actor(Role.OPERATOR, name="Третий Ясир", session=desk.session),
        "district chair": district[0],
        "district secretary": district[1],
        "district lead": district[2],
        "district member": district[3],
        "region chair": desk.chair("region"),
        "region secretary": desk.secretary("region"),
        "centre chair": desk.chair("centre"),
    }


def case_in(desk: Desk, state: CaseState) -> Receipt:
    """A case that stands in ``state``, made by the moves that lead there."""
    return prepared(desk, next(row for row in TABLE if row.source is state))[0]


def answer(desk: Desk, number: str, move: Move, actor: Actor) -> object:
    """What an attempt without anything given is answered."""
    try:
        return desk.move(number, move, actor)
    except Refused as refused:
        return refused.code


@pytest.mark.parametrize("state", list(CaseState))
def test_every_state_answers_everybody_as_the_table_says(
    sqlite_database: str, make_actor: MakeActor, state: CaseState
) -> None:
    """The engines differ in none of this; the moves themselves are made on both elsewhere."""
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        number = case_in(desk, state).number or ""
        for row in TABLE:
            if row.source is state and not set(row.needs) & set(FIELDS):
                for need in row.needs:
                    if need in BROKEN:
                        BROKEN[need](desk, number)
        version = desk.case(number).version
        people = everybody(desk, make_actor)
        assert set(people) == set(SEEN)
        for name, person in people.items():
            seen_in, parts_in = SEEN[name]
            parts = parts_in(state)
            for move in Move:
                said = answer(desk, number, move, person)
                row = row_for(move, state)
                assert said == _expected(row, parts, seen=state in seen_in), (name, move)
        for move in Move:
            assert answer(desk, number, move, desk.organizer) is StaffRefusal.FORBIDDEN
        # The same people in conflict: one answer to everything, that of a number nobody ever had.
        case_id = desk.case(number).id or 0
        for name, person in people.items():
            session.merge(
                ConflictDeclaration(
                    case_id=case_id, account_id=person.account_id, in_conflict=True, at=desk.now
                )
            )
            session.flush()
            said = {answer(desk, number, move, person) for move in Move}
            assert said == {CasesRefusal.NO_SUCH_CASE}, name
        assert desk.case(number).version == version


def _expected(row: Row | None, parts: set[Part], *, seen: bool) -> CasesRefusal:
    if not seen:
        return CasesRefusal.NO_SUCH_CASE
    if row is None:
        return CasesRefusal.MOVE_NOT_ALLOWED
    entered_for = row.who & {P.COMPLAINANT, P.RESPONDENT}
    may = row.who & parts or (entered_for and parts & {P.OPERATOR, P.OFFICER, P.NEXT_OFFICER})
    if not may:
        return CasesRefusal.NOT_YOURS_TO_MOVE
    # Nothing was given, and what no form could give is missing too: none is met by silence.
    return CasesRefusal.REQUIREMENT_MISSING


def _use_up_pauses(desk: Desk, number: str) -> None:
    _set(desk, number, pauses=2)


def _set(desk: Desk, number: str, **facts: Any) -> None:
    case = desk.case(number)
    for name, value in facts.items():
        setattr(case, name, value)
    desk.session.add(case)
    desk.session.flush()


def _forget_declarations(desk: Desk, number: str) -> None:
    for row in desk.session.exec(select(ConflictDeclaration)).all():
        desk.session.delete(row)
    desk.session.flush()


def _challenge(desk: Desk, number: str) -> None:
    raise_challenge(
        desk.session,
        number,
        actor=desk.secretary(),
        account_id=desk.people["district"][3].account_id,
        party=Part.RESPONDENT,
        grounds="Сосед заявителя",
        now=desk.now,
    )


def _end_remedies(desk: Desk, number: str) -> None:
    for row in desk.session.exec(select(Remedy)).all():
        row.done_at = desk.now
        desk.session.add(row)
    desk.session.flush()


def _open_remedy(desk: Desk, number: str) -> None:
    case = desk.case(number)
    decision = desk.session.exec(select(Decision).where(col(Decision.case_id) == case.id)).first()
    assert case.id is not None
    assert decision is not None
    assert decision.id is not None
    desk.session.add(Remedy(case_id=case.id, decision_id=decision.id, kind="candidate_warned"))
    desk.session.flush()


def _merged_long_ago(desk: Desk, number: str) -> None:
    for row in desk.session.exec(select(CaseMove).where(col(CaseMove.move) == "merge")).all():
        row.at = desk.now.replace(year=desk.now.year - 1)
        desk.session.add(row)
    desk.session.flush()


def _lead_was_of_the_first_panel(desk: Desk, number: str) -> None:
    case = desk.case(number)
    made = desk.session.exec(
        select(CaseMove).where(
            col(CaseMove.case_id) == case.id, col(CaseMove.move) == Move.ASSIGN.value
        )
    ).one()
    made.account_id = desk.lead("region").account_id
    desk.session.add(made)
    desk.session.flush()


# How each fact of the case that no form can fill in is made to be missing.
BROKEN: dict[Need, Callable[[Desk, str], None]] = {
    Need.PAUSES_LEFT: _use_up_pauses,
    Need.DECLARATIONS: _forget_declarations,
    Need.CHALLENGES_DECIDED: _challenge,
    Need.REMEDY_OPEN: _end_remedies,
    Need.NO_REMEDY_OPEN: _open_remedy,
    Need.WINDOW: lambda desk, number: _set(desk, number, appeal_until=desk.now),
    Need.SECOND_CHANNEL: lambda desk, number: _set(desk, number, withdrawal_asked_at=None),
    Need.WITHIN_30_DAYS: _merged_long_ago,
    Need.FRESH_PANEL: _lead_was_of_the_first_panel,
}
# Asked otherwise: by the number of votes, by a second press, and before there is a case.
ELSEWHERE = {Need.QUORUM, Need.SECOND_PERSON, Need.TEXT}
FACTS = [(row, need) for row in TABLE for need in row.needs if need in BROKEN]


def test_every_requirement_is_a_field_or_a_fact_that_is_broken_here() -> None:
    assert {need for row in TABLE for need in row.needs} == {*FIELDS, *BROKEN, *ELSEWHERE}


@pytest.mark.parametrize(
    ("row", "need"), FACTS, ids=[f"{row.move}-from-{row.source}-{need}" for row, need in FACTS]
)
def test_a_fact_that_is_missing_bars_the_move(desk: Desk, row: Row, need: Need) -> None:
    receipt, actor, given = prepared(desk, row)
    number = receipt.number or ""
    if row.move is Move.WITHDRAW:
        _ask_withdrawal(desk, receipt)
    BROKEN[need](desk, number)
    version = desk.case(number).version
    with pytest.raises(Refused) as refused:
        desk.move(number, row.move, actor, **given)
    # A lead of the first panel is no member any more: that is said first.
    expected = {need, Need.LEAD} if need is Need.FRESH_PANEL else {need}
    assert refused.value.facts["need"] in expected
    assert desk.case(number).version == version


def test_two_presses_of_one_person_confirm_nothing(desk: Desk) -> None:
    for row in TABLE:
        if Need.SECOND_PERSON not in row.needs:
            continue
        receipt, actor, given = prepared(desk, row)
        number = receipt.number or ""
        for _ in range(2):
            assert desk.move(number, row.move, actor, **given).awaits_second
        with pytest.raises(Refused) as refused:
            service.confirm_move(desk.session, number, actor=actor, now=desk.now)
        assert refused.value.code is CasesRefusal.SAME_PERSON_TWICE
