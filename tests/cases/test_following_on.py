"""A case that follows a closed one goes one level higher."""

import pytest

from core.cases import service
from core.cases.following_on import followed_case, may_follow_on
from core.cases.rules import CasesRefusal, CaseState, Category, Move
from core.cases.service import RespondentEntry
from core.errors import Refused
from core.staff.rules import Role
from tests.cases.conftest import Desk
from tests.conftest import MakeActor


def follow(desk: Desk, number: str | None, earlier: str | None, **more: object) -> None:
    given = {"actor": desk.operator, "now": desk.now, **more}
    service.follow_on(desk.session, number or "", earlier=earlier or "", **given)  # type: ignore[arg-type]


def test_retaliation_is_judged_one_level_higher(desk: Desk) -> None:
    earlier = desk.walk(CaseState.CLOSED)
    new = desk.log(category=Category.RETALIATION)
    follow(desk, new.number, earlier.number)
    assert desk.case(new.number).commission_id == desk.ids["region"]
    # The level stays when triage hands it on.
    desk.move(new.number, Move.SUBMIT, desk.operator, **desk.given_for(Move.SUBMIT, new))
    assert desk.case(new.number).commission_id == desk.ids["region"]
    assert followed_case(desk.session, desk.secretary("region"), new.number or "") == (
        earlier.number
    )


def test_above_the_centre_stands_another_panel(desk: Desk) -> None:
    earlier = desk.walk(CaseState.CLOSED)
    case = desk.case(earlier.number)
    case.commission_id = desk.ids["centre"]
    desk.session.add(case)
    new = desk.log()
    follow(desk, new.number, earlier.number)
    assert desk.case(new.number).commission_id == desk.ids["panel"]


def test_what_has_not_ended_or_is_unknown_or_itself_is_followed_by_nothing(desk: Desk) -> None:
    open_case, new = desk.walk(CaseState.INVESTIGATION), desk.log()
    for earlier in (open_case.number, "K7Q2-0000", "", new.number):
        with pytest.raises(Refused) as refused:
            follow(desk, new.number, earlier)
        assert refused.value.code is CasesRefusal.NO_SUCH_CASE


def test_a_case_that_names_the_operator_is_as_unknown_as_any_other(
    desk: Desk, make_actor: MakeActor
) -> None:
    named = make_actor(Role.OPERATOR, name="Ержанов Марат", session=desk.session)
    earlier, new = desk.log(), desk.log()
    service.add_respondent(
        desk.session,
        earlier.number or "",
        RespondentEntry(name="Марат Ержанов"),
        actor=desk.operator,
        now=desk.now,
    )
    desk.walk_on(earlier.number, CaseState.CLOSED)
    with pytest.raises(Refused) as refused:
        follow(desk, new.number, earlier.number, actor=named)
    assert refused.value.code is CasesRefusal.NO_SUCH_CASE
    follow(desk, new.number, earlier.number)
    assert followed_case(desk.session, named, new.number or "") is None


def test_once_assigned_the_level_is_not_chosen_any_more(desk: Desk) -> None:
    earlier, new = desk.walk(CaseState.CLOSED), desk.walk(CaseState.ASSIGNED)
    assert not may_follow_on(desk.session, desk.operator, new.number or "")
    with pytest.raises(Refused) as refused:
        follow(desk, new.number, earlier.number)
    assert refused.value.code is CasesRefusal.CHANGED_MEANWHILE
